"""The measures of a unit, each with the unit's place in its layer."""

import base64

import numpy as np
import streamlit as st

from explorer.charts.strip import Place, place, rank_strip
from explorer.charts.theme import Palette
from explorer.class_effects import Ints
from explorer.drop_test import CALLED
from explorer.format import count, ordinal, percent, probability, significant, some_points
from explorer.measure_choices import in_order, is_defined
from explorer.measure_display import index_title, quantity_of
from explorer.navigate import View
from explorer.null_levels import level_words
from explorer.widgets import palette
from explorer.widgets.help_mark import help_mark
from explorer.widgets.html import Markup, escape, table, together
from precompute.measures.table import find, in_points, measure_name
from precompute.store.reader import Layer, Measure, Store

FOLD = "all_measures"
"""The key of the fold with all measures, and in the state of a session whether it is open."""

_KEY_MEASURES = ("class_selectivity", "quoted_drop_low", "max_class_drop", "overall_drop", "l1_norm")


def show_key_measures(view: View, layer: Layer, unit: int, per_class: Ints) -> None:
    """Show the key measures, and on how many images the unit is alive.

    Parameters
    ----------
    view : View
        The open store and the selection, whose kind of ablation is that of the drops.
    layer, unit : Layer, int
        The unit.
    per_class : (class,) integer array
        Images of each class, which decide the number of digits of a drop.
    """
    ablation = view.selection.ablation
    wanted = [measure_name(name, ablation) for name in _KEY_MEASURES]
    held = [layer.measures[name] for name in wanted if name in layer.measures]
    colours = palette.current()
    cards = [_card(view.store, layer, measure, unit, per_class, colours) for measure in held if is_defined(measure)]
    st.html(f'<dl class="us-measures">{"".join(cards)}{_alive(view.store, layer, unit)}</dl>')


def show_all_measures(view: View, layer: Layer, unit: int) -> None:
    """List all measures of a unit with the unit's places in the layer; the list is made when it is unfolded."""
    fold = st.expander("All measures of this unit", key=FOLD, on_change="rerun")
    if not fold.open:
        return
    with fold:
        rows = [_row(view.store, layer, measure, unit) for measure in in_order(layer)]
        head = ["", "value", "by chance", "in the layer", "formula", "from"]
        table(head, rows, numbers=slice(1, 2), look="us-list")


def _row(store: Store, layer: Layer, measure: Measure, unit: int) -> list[str]:
    if measure.is_index:
        value, where = index_title(measure, store, unit), ""
    else:
        value, where = quantity_of(measure).words(unit), _place_words(place(measure.values, unit))
    chance = level_words(store, layer, measure.name, unit).removeprefix("by chance ")
    small = [Markup(f"<small>{escape(cell)}</small>") for cell in (measure.formula, measure.experiment or "the run")]
    label = Markup(f"{escape(measure.label)}{help_mark(measure)}")
    return [label, value, chance, where, *small]


def _shown(name: str, value: float, per_class: Ints) -> tuple[str, str]:
    if np.isnan(value):
        return "–", ""
    row = find(name)
    if row is not None and in_points(name):
        images = np.median(per_class[per_class > 0]) if row.of_class else per_class.sum()
        way = "" if value == 0 else " lost" if value > 0 else " gained"
        size, points = some_points(abs(value), int(images)).split()
        if value and not size.strip("0."):
            return "≈ 0", points + way
        return size, points + way
    return significant(value, 2 if name == "class_selectivity" else 3), ""


def _card(store: Store, layer: Layer, measure: Measure, unit: int, per_class: Ints, colours: Palette) -> str:
    number, unit_of_measurement = _shown(measure.name, float(measure.values[unit]), per_class)
    strip = base64.b64encode(colours.redrawn(rank_strip(measure.values, unit)).encode()).decode()
    level = level_words(store, layer, measure.name, unit) or _tested(layer, measure.name, unit)
    said = (_place_words(place(measure.values, unit)), level)
    return (
        f"<div><dt>{escape(measure.label)}{help_mark(measure)}</dt>"
        f"<dd><b>{escape(number)}<small>{escape(unit_of_measurement)}</small></b>"
        f'<img src="data:image/svg+xml;base64,{strip}" alt="">'
        f"<span>{'<br>'.join(together(escape(words)) for words in said if words)}</span></dd></div>"
    )


def _tested(layer: Layer, name: str, unit: int) -> str:
    """Return the q-value of an overall drop in words, with a note if it is within chance; empty for other measures."""
    row = find(name)
    test = (
        layer.measures.get(measure_name("overall_drop_q", row.ablation)) if row and row.base == "overall_drop" else None
    )
    if test is None or np.isnan(test.values[unit]):
        return ""
    doubt = "" if test.values[unit] <= CALLED else ": within chance"
    return f"q {probability(float(test.values[unit]))}{doubt}"


def _place_words(found: Place | None) -> str:
    if found is None:
        return "not defined for this unit"
    if found.tied + 1 == found.of and found.of > 1:
        return f"the same in all {count(found.of, 'unit')}"
    rank = "highest" if found.rank == 1 else "lowest" if found.lowest else f"{ordinal(found.rank)} highest"
    ties = f", tied with {count(found.tied, 'other')}" if found.tied else ""
    return f"{rank} of {count(found.of, 'unit')}{ties}"


def _alive(store: Store, layer: Layer, unit: int) -> str:
    n_alive, n_images = layer.n_active(unit), len(store.images)
    signed = layer.goes_below_zero
    share = n_alive / max(1, n_images)
    name, meant = ("Above zero on", "above zero somewhere") if signed else ("Alive on", "not zero everywhere")
    return (
        f'<div title="Images on which the unit is {meant}"><dt>{name}</dt>'
        f"<dd><b>{percent(share, n_images)}</b></dd>"
        f"<span>{n_alive:,} of {count(n_images, 'image')}</span></div>"
    )
