"""A wall of units: a tile each, with its strongest pictures; each leads to the unit."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from explorer import data, navigate
from explorer.chance import Chance, chance_of
from explorer.navigate import View
from explorer.pictures import aspect_of, data_uri
from explorer.shown import Quantity, class_of, dead_units, index_titles
from precompute.store.reader import Layer, Measure

_PICTURES = 4
_HERE = Path(__file__).parent


def wall(view: View, layer: Layer, units: Sequence[int], value: Quantity | None, *, key: str, rows: int = 0) -> None:
    """Show a tile for each unit and follow a click on one.

    Parameters
    ----------
    view : View
        What is looked at.
    layer : Layer
        The units' layer.
    units : sequence of int
        In the order of the tiles.
    value : Quantity or None
        The measure to print on each.
    key : str
        Names the wall on its page.
    rows : int
        Show only as many tiles as fit in so many rows; 0 for all.
    """
    tiles = _tiles(view, layer, units, value)
    aspect = aspect_of(view.store.model.input_size)
    _mount()(
        data={"tiles": tiles, "rows": rows, "aspect": aspect}, key=key, on_pick_change=lambda: _open(view, layer, key)
    )


def _open(view: View, layer: Layer, key: str) -> None:
    picked = st.session_state[key]["pick"]
    if picked is not None:
        navigate.open_unit(view, layer, picked)


def _mount() -> Any:
    return st.components.v2.component(
        "unitscope_wall",
        html='<div class="wall"></div>',
        css=(_HERE / "wall.css").read_text("utf-8"),
        js=(_HERE / "wall.js").read_text("utf-8"),
    )


def _tiles(view: View, layer: Layer, units: Sequence[int], value: Quantity | None) -> list[dict[str, Any]]:
    dead = dead_units(layer)
    lost = class_of(layer, None if value is None else value.name)
    sees, breaks = _titles(view, layer, layer.measures.get("selective_class")), _titles(view, layer, lost)
    images = _images(view, layer, units)
    chance = None if value is None else chance_of(view.store, layer, value.name)
    return [
        {
            "target": int(unit),
            "name": f"unit {unit}",
            "href": f"unit?{urlencode(navigate.unit_of(view, layer, unit).query())}",
            "value": "dead" if dead[unit] else value.words(int(unit)) if value else "",
            "sees": "" if dead[unit] else sees[unit],
            "breaks": "" if dead[unit] else breaks[unit],
            "dead": bool(dead[unit]),
            "hint": _hint(value, chance, int(unit)) if value else "",
            "pictures": [data_uri(view.store.thumbnail(image), "jpeg") for image in row if image >= 0],
        }
        for unit, row in zip(units, images, strict=True)
    ]


def _hint(value: Quantity, chance: Chance | None, unit: int) -> str:
    beside = "" if chance is None else chance.beside(unit)
    return "; ".join(filter(None, (f"{value.label}: {value.words(unit)}", beside)))


def _images(view: View, layer: Layer, units: Sequence[int]) -> NDArray[np.integer[Any]]:
    if "top" not in layer.exemplar_kinds:
        return np.full((len(units), 1), -1)
    return data.first_exemplars(view.source, layer, tuple(int(unit) for unit in units), _PICTURES)


def _titles(view: View, layer: Layer, measure: Measure | None) -> list[str]:
    """Return the class that a measure names for each unit; nothing where it names none."""
    if measure is None:
        return [""] * layer.n_units
    titles = index_titles(measure, view.store)
    return ["" if missing else title for title, missing in zip(titles, np.isnan(measure.values), strict=True)]
