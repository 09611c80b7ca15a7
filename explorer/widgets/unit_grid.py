"""A grid of units: a tile for each unit with its strongest images, which links to the unit."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from explorer import cache, navigate
from explorer.class_preference import Profile, profile_of
from explorer.drop_verdicts import verdicts_of
from explorer.measure_display import Quantity, dead_units
from explorer.navigate import View
from explorer.notable_units import NotableUnit
from explorer.null_levels import NullLevel, null_level_of
from explorer.paper import Drawing, Tile, draw_wall
from explorer.pictures import aspect_of, data_uri, mosaic
from explorer.widgets import take_away
from explorer.widgets.take_away import Figure
from precompute.store.reader import Layer

_PICTURES = 4
_A_ROW = 6
_HERE = Path(__file__).parent


def show(
    view: View,
    layer: Layer,
    units: Sequence[int],
    value: Quantity | None,
    *,
    key: str,
    reasons: Sequence[NotableUnit] = (),
) -> None:
    """Show a tile for each unit, and open the unit of a clicked tile.

    Parameters
    ----------
    view : View
        The open store and the selection.
    layer : Layer
        The layer of the units.
    units : sequence of int
        The units, in the order of the tiles.
    value : Quantity or None
        The measure to print on each tile.
    key : str
        Identifies the grid on its page.
    reasons : sequence of NotableUnit, optional
        Why each of the units is shown, and the number to print in place of the measure.
    """
    tiles = _tiles(view, layer, units, value, reasons)
    aspect = aspect_of(view.store.model.input_size)
    _mount()(
        data={"tiles": tiles, "aspect": aspect},
        key=key,
        on_pick_change=lambda: _open(view, layer, key),
        on_go_change=lambda: _follow(key),
    )
    if tiles:
        take_away.show(lambda: _figure(view, layer, tiles, value), key=key)


def _figure(view: View, layer: Layer, tiles: list[dict[str, Any]], value: Quantity | None) -> Figure:
    """Return the grid as a figure for download: for each unit its pictures joined to one, and its texts."""
    number = f", “{value.label}”" if value else ""
    says = f"Units, each by its strongest images; below it its number{number} and the class that it answers to"
    told = [{"unit": tile["target"], "value": tile["value"], "answers to": _said(tile["drive"])} for tile in tiles]

    def draw(width: float) -> Drawing:
        images = _images(view, layer, [tile["target"] for tile in tiles])
        shown = [_on_paper(view, *each) for each in zip(tiles, told, images, strict=True)]
        return draw_wall(shown, aspect_of(view.store.model.input_size), width, _A_ROW)

    return take_away.wall(draw, says, view.origin(layer.name), lambda: pd.DataFrame(told))


def _on_paper(view: View, tile: Mapping[str, Any], said: Mapping[str, Any], images: NDArray[np.integer[Any]]) -> Tile:
    pictures = [view.store.thumbnail(int(image)) for image in images if image >= 0]
    title = f"{tile['name']}   {tile['value']}".strip()
    return Tile(mosaic(pictures), title, str(said["answers to"]))


def _said(drive: Sequence[Mapping[str, str]]) -> str:
    """Return the class that a unit answers to on average, without the verb; empty if there is none."""
    return drive[-1]["text"] if drive else ""


def _follow(key: str) -> None:
    address = st.session_state[key]["go"]
    if address is not None:
        navigate.follow(str(address))


def _open(view: View, layer: Layer, key: str) -> None:
    picked = st.session_state[key]["pick"]
    if picked is not None:
        navigate.open_unit(view, layer, picked)


def _mount() -> Any:
    return st.components.v2.component(
        "unitscope_unit_grid",
        html='<div class="grid"></div>',
        css=(_HERE / "unit_grid.css").read_text("utf-8"),
        js=(_HERE / "unit_grid.js").read_text("utf-8"),
    )


def _tiles(
    view: View, layer: Layer, units: Sequence[int], value: Quantity | None, reasons: Sequence[NotableUnit]
) -> list[dict[str, Any]]:
    dead = dead_units(layer)
    found = verdicts_of(view.store, layer, view.selection.ablation)
    drives = _drives(view, layer, units)
    images = _images(view, layer, units)
    chance = None if value is None else null_level_of(view.store, layer, value.name)
    tiles = []
    why: Sequence[NotableUnit | None] = reasons or [None] * len(units)
    for unit, drive, row, reason in zip(map(int, units), drives, images, why, strict=True):
        number = reason.value if reason else value.words(unit) if value else ""
        verdict = {} if dead[unit] or not layer.ablations else asdict(found.of(unit))
        tiles.append(
            {
                "target": unit,
                "name": f"unit {unit}",
                "href": f"unit?{urlencode(navigate.unit_of(view, layer, unit).query())}",
                "reason": reason.reason if reason else "",
                "value": "dead" if dead[unit] and not reason else number,
                "drive": [] if dead[unit] else drive,
                "verdict": verdict,
                "dead": bool(dead[unit]),
                "hint": _hint(value, chance, unit) if value else "",
                "pictures": [_picture(view, int(image)) for image in row if image >= 0],
            }
        )
    return tiles


def _picture(view: View, image: int) -> dict[str, str]:
    """Return a picture, the path of its image and the address of the image's page."""
    return {
        "source": data_uri(view.store.thumbnail(image), "jpeg"),
        "href": navigate.href_of_image(view, image),
        "path": view.store.images.path[image],
    }


def _drives(view: View, layer: Layer, units: Sequence[int]) -> list[list[dict[str, str]]]:
    """Return for each unit the class or the few classes that it answers most to.

    If one class is settled and most of the strongest images are of another, a line names that other class first.

    """
    titles, chosen = view.titles, tuple(map(int, units))
    if not layer.keeps_all:
        return [_highest(titles, profile_of(view.store, layer, unit)) for unit in chosen]
    preferred = cache.preferred(view.source, layer, chosen)
    said = []
    for classes, images in zip(preferred, cache.strongest_images(view.source, layer, chosen), strict=True):
        named = " or ".join(titles[index] for index in classes or ()) or "a class, not settled which"
        lines = [] if classes is None else [{"verb": "sees", "text": named}]
        if classes is not None and len(classes) == 1 and images.differs(classes[0]):
            leader = images.leader or 0
            lines = [
                {"verb": "strongest", "text": f"{images.count[leader]} of {images.n_images} {titles[leader]}"},
                {"verb": "on average", "text": named},
            ]
        said.append(lines)
    return said


def _highest(titles: Sequence[str], profile: Profile) -> list[dict[str, str]]:
    """Return the class with the highest mean, for stores that cannot say whether this class is settled."""
    return [] if profile.silent else [{"verb": "highest mean", "text": titles[profile.highest]}]


def _hint(value: Quantity, chance: NullLevel | None, unit: int) -> str:
    beside = "" if chance is None else chance.beside(unit)
    return "; ".join(filter(None, (f"{value.label}: {value.words(unit)}", beside)))


def _images(view: View, layer: Layer, units: Sequence[int]) -> NDArray[np.integer[Any]]:
    if "top" not in layer.exemplar_kinds:
        return np.full((len(units), 1), -1)
    return cache.first_exemplars(view.source, layer, tuple(int(unit) for unit in units), _PICTURES)
