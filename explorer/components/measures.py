"""A unit's measures, each with its place among the units of the layer."""

import base64

import numpy as np
import streamlit as st

from explorer.charts.strip import Place, place, rank_strip
from explorer.components.html import escape
from explorer.impact import Floats, Ints
from explorer.selection import is_defined
from explorer.text import count, ordinal, percent, points, significant
from precompute.store.reader import Layer

_KEY_MEASURES = ("class_selectivity", "max_class_drop", "overall_drop", "l1_norm")


def measures(layer: Layer, unit: int, ablation: str, per_class: Ints) -> None:
    """Show the measures that matter most, and on how many images the unit is alive.

    Parameters
    ----------
    layer, unit : Layer, int
        The unit.
    ablation : str
        The kind of ablation whose drops to show.
    per_class : (class,) integer array
        Images of each class: they decide how finely a drop can be told.
    """
    suffix = "" if ablation == "zero" else f"_{ablation}"
    held = layer.measures
    wanted = [name + suffix if "drop" in name else name for name in _KEY_MEASURES]
    cards = [
        _card(
            held[name].label,
            _shown(name, float(held[name].values[unit]), per_class),
            held[name].values,
            unit,
            held[name].formula,
        )
        for name in wanted
        if name in held and is_defined(held[name])
    ]
    st.html(f'<dl class="us-measures">{"".join(cards)}{_alive(layer, unit)}</dl>')


def _shown(name: str, value: float, per_class: Ints) -> tuple[str, str]:
    if np.isnan(value):
        return "–", ""
    if "drop" in name:
        images = per_class.sum() if name.startswith("overall") else np.median(per_class[per_class > 0])
        return points(value, int(images)), "points"
    return significant(value, 2 if name == "class_selectivity" else 3), ""


def _card(label: str, shown: tuple[str, str], values: Floats, unit: int, formula: str) -> str:
    number, unit_of_measurement = shown
    strip = base64.b64encode(rank_strip(values, unit).encode()).decode()
    return (
        f'<div title="{escape(formula)}"><dt>{escape(label)}</dt>'
        f"<dd><b>{escape(number)}<small>{escape(unit_of_measurement)}</small></b>"
        f'<img src="data:image/svg+xml;base64,{strip}" alt="">'
        f"<span>{escape(_place_words(place(values, unit)))}</span></dd></div>"
    )


def _place_words(found: Place | None) -> str:
    if found is None:
        return "not defined for this unit"
    if found.rank == 1:
        return f"highest of {count(found.of, 'unit')}"
    return f"{'lowest' if found.lowest else ordinal(found.rank) + ' highest'} of {count(found.of, 'unit')}"


def _alive(layer: Layer, unit: int) -> str:
    largest = layer.activation(unit).max
    share = float((largest != 0).mean()) if largest.size else 0.0
    return (
        f'<div title="Images on which the unit is not zero everywhere"><dt>Alive on</dt>'
        f"<dd><b>{percent(share, 100)}</b></dd>"
        f"<span>{(largest != 0).sum():,} of {count(largest.size, 'image')}</span></div>"
    )
