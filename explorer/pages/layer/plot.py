"""Units of a layer as points: over two measures, or on a map where units that are alike lie close together."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from explorer import cache, navigate
from explorer.charts.scatter import MOST_DASHES, scatter
from explorer.format import count
from explorer.measure_choices import axes_of
from explorer.measure_display import (
    default_axes,
    quantity_of,
    unit_frame,
)
from explorer.navigate import View
from explorer.null_levels import NullLevel, null_level_of
from explorer.origin import Origin
from explorer.pages.layer import measure_choice
from explorer.selection import PLOTS
from explorer.unit_conditions import Condition, with_condition
from explorer.unit_criteria import UNITS, Met
from explorer.unit_map import UnitMap
from explorer.widgets import url_choice
from explorer.widgets.chart import Box, draw_chart
from explorer.widgets.html import heading, note
from precompute.store.reader import Layer
from precompute.what_if.unit_list import write_units

_PLOT_CHOICES = {"measures": "two measures", "answer": "a map by answers", "break": "a map by losses"}
_PLOT_TITLES = {
    "measures": "Two measures",
    "answer": "Units that answer alike",
    "break": "Units whose loss hurts the same classes",
}
_MAP_READING = {
    "answer": "Units far apart have mean activations that rise and fall over different classes.",
    "break": "Units far apart cost different classes, or cost them differently much. Small drops are chance.",
}
_MAP_MISSING = {
    "answer": "their mean activation is the same for all classes",
    "break": "no class loses or gains without them",
}

Floats = NDArray[np.floating[Any]]


def show(view: View, layer: Layer, kept: Met) -> None:
    """Draw the units that meet the conditions; a click on a point opens its unit."""
    heading(
        _PLOT_TITLES[view.selection.plot],
        "each point is a unit",
        does="click one to look at it, or draw a box around several to find them",
    )
    drawn = {plot: _PLOT_CHOICES[plot] for plot in (PLOTS if layer.ablations else PLOTS[:-1])}
    url_choice.choose(view, "plot", drawn, view.selection.plot, key="plot_of_units", label="Draw", names_itself=False)
    if view.selection.plot == "measures":
        _plot_measures(view, layer, kept)
    else:
        _plot_map(view, layer, kept)


def _plot_map(view: View, layer: Layer, kept: Met) -> None:
    by_answers = view.selection.plot == "answer"
    if not by_answers and not layer.ablations:
        note("No unit of this layer was silenced, so nothing is known of what breaks without them.")
        return
    drawn = cache.unit_map(view.source, layer, None if by_answers else view.selection.ablation)
    axes = axes_of(layer)
    if drawn.is_empty:
        note("The units do not differ in this, so there is no map.")
        return
    if not axes:
        note("This store holds no measure to colour the units by.")
        return
    measure = view.selection.y or default_axes(axes)[1]
    measure_choice.show_with_classes(view, layer, axes, measure, "Coloured by")
    frame = _named(view, layer, drawn.places[:, 0], drawn.places[:, 1], kept)
    n_placed = len(frame)
    if view.chosen_class is None:
        shade = quantity_of(layer.measures[measure]).label
        frame["shade"] = quantity_of(layer.measures[measure]).values[frame["unit"]]
        frame = frame[np.isfinite(frame["shade"])]
        coloured = shade
    else:
        shade, coloured = "", f"whether they answer most to {view.titles[view.chosen_class]}"
    draw_chart(
        lambda: scatter(frame, "first component", "second component", shade=shade),
        key=f"map_{layer.name}_{view.selection.plot}_{view.selection.find}_{view.selection.label or measure}",
        says=f"A map of units, coloured by {coloured}. {_MAP_READING[view.selection.plot]}",
        origin=_origin(view, layer, kept),
        on_pick=lambda point: navigate.open_unit(view, layer, point["unit"]),
        on_box=lambda box: _find_inside(view, frame, box),
    )
    _explain_class(view, frame)
    note(f"{_MAP_READING[view.selection.plot]} {_shown(drawn)}")
    if missing := int(kept.sum()) - n_placed:
        note(f"{count(missing, 'unit')} without a place not drawn: {_MAP_MISSING[view.selection.plot]}.")
    if uncoloured := n_placed - len(frame):
        note(f"{count(uncoloured, 'unit')} without a value of {shade} not drawn.")


def _explain_class(view: View, frame: pd.DataFrame) -> None:
    """Say what the blue points are if a class is looked at."""
    if view.chosen_class is not None:
        title = view.titles[view.chosen_class]
        some = f"Blue: units with the highest mean activation for {title}."
        note(some if frame["chosen"].any() else f"None of these units has its highest mean activation for {title}.")


def _shown(drawn: UnitMap) -> str:
    """Say how much of the units' differences a map shows, and what follows for units that are close together."""
    chance = "" if np.isnan(drawn.by_chance) else f", and would show {100 * drawn.by_chance:.0f} % by chance"
    return (
        f"The map shows {100 * drawn.share:.0f} % of how the units differ{chance}. Units close together may differ "
        "in the rest."
    )


def _plot_measures(view: View, layer: Layer, kept: Met) -> None:
    axes = axes_of(layer)
    if len(axes) < 2:
        note("This store holds too few measures for a plot.")
        return
    first_x, first_y = default_axes(axes)
    x, y = view.selection.x or first_x, view.selection.y or first_y
    across, up = st.columns(2)
    with across:
        measure_choice.show(view, layer, axes, x, "x", "Across")
    with up:
        measure_choice.show(view, layer, axes, y, "y", "Up")
    chance = {axis: found for axis, name in (("x", x), ("y", y)) if (found := null_level_of(view.store, layer, name))}
    frame = _points(view, layer, x, y, chance, kept)
    labels = quantity_of(layer.measures[x]).label, quantity_of(layer.measures[y]).label
    names = {f"{axis}_chance": found.words.name for axis, found in chance.items()}
    draw_chart(
        lambda: scatter(frame, *labels, **names),
        key=f"plot_{layer.name}_{x}_{y}_{view.selection.find}",
        says=f"A point for each unit: {labels[0]} across, {labels[1]} up",
        origin=_origin(view, layer, kept),
        on_pick=lambda point: navigate.open_unit(view, layer, point["unit"]),
        on_box=lambda box: _find_inside(view, frame, box),
    )
    _explain_class(view, frame)
    if missing := int(kept.sum()) - len(frame):
        note(f"{count(missing, 'unit')} without a value on either axis not drawn.")
    if chance:
        note(_dashes(chance, pointed=len(frame) > MOST_DASHES))


def _find_inside(view: View, frame: pd.DataFrame, box: Box) -> None:
    """Find the units inside a box that the reader drew, and make them a condition. For callbacks."""
    inside = np.logical_and.reduce([frame[axis].between(min(ends), max(ends)) for axis, ends in box.items()])
    if inside.any():
        numbers = Condition(UNITS, write_units(frame["unit"][inside]))
        navigate.put(view.selection.to(find=with_condition(view.selection.find, numbers), page=1))


def _origin(view: View, layer: Layer, kept: Met) -> Origin:
    some = () if kept.all() else (f"{int(kept.sum()):,} of its {layer.n_units:,} units, found by conditions",)
    return view.origin(layer.name, *some)


def _dashes(chance: Mapping[str, NullLevel], *, pointed: bool) -> str:
    """Return a sentence that explains the dashes of the plot; empty if there are none."""
    reasons = dict.fromkeys(found.words.reason for found in chance.values())
    ways = {"x": "upright for the measure across", "y": "flat for the measure up"}
    told = ", ".join(f"{ways[axis]} ({found.words.name})" for axis, found in chance.items())
    unit = "the unit that you point at" if pointed else "each unit"
    return " ".join([*reasons, f"A grey dash marks what chance alone gives {unit}, {told}."])


def _points(view: View, layer: Layer, x: str, y: str, chance: Mapping[str, NullLevel], kept: Met) -> pd.DataFrame:
    across, up = (quantity_of(layer.measures[name]).values for name in (x, y))
    drawn = _named(view, layer, across, up, kept)
    for axis, found in chance.items():
        drawn[f"{axis}_chance"] = found.level.values[drawn["unit"]]
    return drawn


def _named(view: View, layer: Layer, x: Floats, y: Floats, kept: Met) -> pd.DataFrame:
    """Return the points of units that meet the conditions and have both values, with the class that each answers to."""
    frame = unit_frame(layer, view.store)
    sees = frame["selective_class"] if "selective_class" in frame else pd.Series("", index=frame.index)
    chosen = None if view.chosen_class is None else view.store.classes.title[view.chosen_class]
    drawn = pd.DataFrame({"unit": frame["unit"], "x": x, "y": y, "sees": sees, "chosen": sees == chosen})
    return drawn[kept & np.isfinite(drawn["x"]) & np.isfinite(drawn["y"])].copy()
