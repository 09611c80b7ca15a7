"""Units of a layer in numbers: a table that can be sorted, and all measures as a file."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from explorer import navigate
from explorer.csv_text import csv_of
from explorer.measure_choices import column_sets, in_order
from explorer.measure_display import (
    index_titles,
    quantity_of,
    unit_frame,
)
from explorer.measure_help import help_markdown
from explorer.navigate import View
from explorer.null_levels import NullLevel, null_level_of
from explorer.unit_criteria import Met
from explorer.widgets.html import heading, hint
from explorer.widgets.number_table import csv_button, number_table
from explorer.widgets.unit_table import open_cell
from precompute.measures.table import in_points
from precompute.store.experiments import registry
from precompute.store.reader import Layer

_TABLE_HEIGHT = 540
_NUMBER_WIDTH, _TEXT_WIDTH, _COLUMNS_THAT_FIT = 80, 140, 7
_A_LETTER, _BESIDE_HEADING = 6.3, 18


def show(view: View, layer: Layer, kept: Met) -> None:
    """Show a row for each unit that meets the conditions.

    A click on a class opens the class, a click on another cell opens the unit.
    """
    heading(
        "All units in numbers" if kept.all() else "The units found, in numbers",
        does="click a heading to sort, a class to look at it, any other cell to look at its unit",
    )
    sets = column_sets(layer)
    columns = view.selection.columns or next(iter(sets))
    if len(sets) > 1:
        _choose_columns(view, list(sets), columns)
    frame = unit_frame(layer, view.store).loc[kept, ["unit", *sets[columns]]]
    # The levels of drops are measures of their own and are columns already.
    others = [name for name in sets[columns] if not in_points(name)]
    chance = {name: found for name in others if (found := null_level_of(view.store, layer, name))}
    for name, found in chance.items():
        frame.insert(list(frame).index(name) + 1, f"{name}_chance", found.level.values[kept])
    key = f"table_{layer.name}_{columns}_{view.selection.find}"
    classes = [name for name in sets[columns] if layer.measures[name].kind == "class"]
    number_table(
        frame,
        _columns(layer, frame, chance),
        key=key,
        height=_TABLE_HEIGHT,
        on_cell=lambda row, column: open_cell(view, layer, frame.iloc[row], column, classes),
    )
    if len(frame.columns) > _COLUMNS_THAT_FIT:
        hint(f"{len(frame.columns)} columns: scroll sideways in the table for those beyond its edge.")
    csv_button(
        lambda: _csv(view, layer, kept),
        name=view.origin(layer.name).slug("units"),
        key="units_csv",
        label=f"All measures of {'all' if kept.all() else 'these'} units as CSV",
    )


def _choose_columns(view: View, sets: list[str], value: str) -> None:
    titles = {"main": "The main ones", "all": "All"} | {spec.name: spec.title for spec in registry.specs()}
    st.session_state["columns"] = value
    st.selectbox(
        "Measures",
        sets,
        format_func=lambda name: titles.get(name, name),
        key="columns",
        on_change=navigate.put_widget,
        args=(view.selection, "columns", "columns"),
    )


def _csv(view: View, layer: Layer, kept: Met) -> str:
    """Return all measures of the units that meet the conditions, as stored, with names for classes and concepts."""
    measures = in_order(layer)
    columns = {m.name: index_titles(m, view.store) if m.is_index else m.values for m in measures}
    return csv_of(pd.DataFrame({"unit": np.arange(layer.n_units), **columns})[kept])


def _columns(layer: Layer, frame: pd.DataFrame, chance: Mapping[str, NullLevel]) -> dict[str, Any]:
    columns: dict[str, Any] = {"unit": st.column_config.NumberColumn("Unit", width=60, pinned=True)}
    for name, found in chance.items():
        label = f"{found.level.label}: {found.words.name}"
        columns[f"{name}_chance"] = st.column_config.NumberColumn(
            label, format="%.3g", help=found.words.reason, width=_width(label)
        )
    for name in frame.columns[~frame.columns.isin(list(columns))]:
        measure = layer.measures[name]
        if measure.is_index:
            width = _width(measure.label, _TEXT_WIDTH)
            columns[name] = st.column_config.TextColumn(measure.label, help=help_markdown(measure), width=width)
        elif measure.kind == "flag":
            frame[name] = frame[name] == 1
            columns[name] = st.column_config.CheckboxColumn(measure.label, help=help_markdown(measure))
        else:
            shown = quantity_of(measure)
            finely = "%.1f" if in_points(name) else "%.3g"
            label = shown.label.replace(", points", ", pt")
            columns[name] = st.column_config.NumberColumn(
                label, format=finely, help=help_markdown(measure), width=_width(label)
            )
    return {str(name): columns[str(name)] for name in frame}  # each level stands next to its measure


def _width(label: str, least: int = _NUMBER_WIDTH) -> int:
    """Return the width of a column that shows its heading whole, because a table does not break headings into lines."""
    return max(least, round(_A_LETTER * len(label)) + _BESIDE_HEADING)
