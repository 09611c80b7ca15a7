"""The units of a layer: in one sentence, in a plot, in a table and as a grid."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from explorer import drop_test, headline_details, navigate
from explorer.charts.scatter import MOST_DASHES, scatter
from explorer.class_effects import class_effects
from explorer.drop_verdicts import verdicts_of
from explorer.format import count, md_text
from explorer.headline import breakage, quoted
from explorer.measure_choices import axes_of, column_sets
from explorer.measure_display import (
    dead_units,
    default_axes,
    default_order,
    lowest_first,
    option_label,
    order_by,
    quantity_of,
    unit_frame,
)
from explorer.navigate import View
from explorer.null_levels import NullLevel, null_level_of
from explorer.positions import shape_words, where_words
from explorer.widgets import unit_grid, what_if_link
from explorer.widgets.chart import draw_chart
from explorer.widgets.html import escape, heading, note, sentence
from explorer.widgets.names import unit_link, with_links
from precompute.measures.table import in_points
from precompute.store.answers import answers
from precompute.store.experiments import registry
from precompute.store.reader import Experiment, Layer

_TILES_A_PAGE, _FIRST = 48, 10
_PAGE_WIDTH, _PAGES_SHOWN = 48, 9
_TABLE_HEIGHT = 540
_NUMBER_WIDTH, _TEXT_WIDTH, _COLUMNS_THAT_FIT = 105, 140, 9


def show_headline(view: View, layer: Layer) -> None:
    """Say what the layer holds and which unit is most surely needed; below it, what that stands on."""
    dead = int(dead_units(layer).sum())
    kind = f"{layer.kind}, {shape_words(layer)}"
    said = f"<b>{escape(layer.name)}</b> ({escape(kind)}) has <b>{layer.n_units:,} units</b>"
    said += f", {dead:,} of them dead." if dead else "."
    found = drop_test.statistics_of(view.store, layer.name, view.selection.ablation)
    more, below = _worst(view, layer) if found is None else _surest(view, layer, found)
    sentence(said + more)
    if where := where_words(layer):
        below = [f"Its units are {where}.", *below]
    if below:
        note(" ".join(below))


def _surest(view: View, layer: Layer, found: Experiment) -> tuple[str, list[str]]:
    """Say how many units some class needs for certain, and which is the surest; and what that stands on."""
    base = drop_test.base_of(layer.name, view.selection.ablation)
    n_sure = int((found[f"{base}/max_drop_q"] <= drop_test.CALLED).sum())
    if n_sure == 0:
        return " There are not enough images to tell the loss of a class without one of them from chance.", []
    unit = verdicts_of(view.store, layer, view.selection.ablation).by_certainty()[0]
    one = drop_test.of_unit(view.store, layer.name, view.selection.ablation, unit)
    if one is None:
        return "", []
    titles = view.store.classes.title
    needs = f"<b>{n_sure:,} of them</b> {'has' if n_sure == 1 else 'have'} a class that loses more than chance explains"
    effect = class_effects(layer.flips(view.selection.ablation, unit), answers(view.store))
    below = [f"More than chance: a false discovery rate q ≤ {drop_test.CALLED:g}. Unit {unit}:"]
    return (
        f" {needs}. The surest is {unit_link(view, layer, unit, f'unit {unit}')}: "
        f"without it, {with_links(view, quoted(titles, one))}.",
        [*below, *headline_details.of_class(titles, effect, one)],
    )


def _worst(view: View, layer: Layer) -> tuple[str, list[str]]:
    largest, where = layer.measures.get("max_class_drop"), layer.measures.get("max_class_drop_class")
    if largest is None or where is None or np.isnan(where.values).all():
        return "", []
    unit = int(np.nanargmax(np.where(np.isnan(where.values), np.nan, largest.values)))
    titles, effect = view.store.classes.title, class_effects(layer.flips("zero", unit), answers(view.store))
    clause = with_links(view, breakage(titles, effect))
    below = [f"Unit {unit}:", *headline_details.of_class(titles, effect, None)]
    return f" Unit {unit} has the largest class drop: without it, {clause}.", below


def show_plot_and_table(view: View, layer: Layer) -> None:
    """Show the layer's units over two measures and in a sortable table; both lead to the unit."""
    if not layer.measures:
        heading("Measures")
        note("This store holds no measures.")
        return
    with st.container(key="plot_and_table"):
        left, right = st.columns(2, gap="large")
        with left:
            _plot(view, layer)
        with right:
            _table(view, layer)


def _plot(view: View, layer: Layer) -> None:
    heading("Two measures", "a point a unit; click one to look at it")
    axes = axes_of(layer)
    if len(axes) < 2:
        note("This store holds too few measures for a plot.")
        return
    first_x, first_y = default_axes(axes)
    x, y = view.selection.x or first_x, view.selection.y or first_y
    across, up = st.columns(2)
    with across:
        _choose_measure(view, layer, axes, x, "x", "Across")
    with up:
        _choose_measure(view, layer, axes, y, "y", "Up")
    chance = {axis: found for axis, name in (("x", x), ("y", y)) if (found := null_level_of(view.store, layer, name))}
    frame = _points(view, layer, x, y, chance)
    labels = quantity_of(layer.measures[x]).label, quantity_of(layer.measures[y]).label
    names = {f"{axis}_chance": found.words.name for axis, found in chance.items()}
    draw_chart(
        lambda: scatter(frame, *labels, **names),
        key=f"plot_{layer.name}_{x}_{y}",
        says=f"A point for each unit: {labels[0]} across, {labels[1]} up",
        on_pick=lambda point: navigate.open_unit(view, layer, point["unit"]),
    )
    if missing := layer.n_units - len(frame):
        note(f"{count(missing, 'unit')} without a value on either axis not drawn.")
    if chance:
        note(_dashes(chance, pointed=len(frame) > MOST_DASHES))


def _dashes(chance: Mapping[str, NullLevel], *, pointed: bool) -> str:
    """Say why there are dashes in the plot, and what they are."""
    reasons = dict.fromkeys(found.words.reason for found in chance.values())
    ways = {"x": "upright for the measure across", "y": "level for the one up"}
    told = "; ".join(f"{ways[axis]} ({found.words.name})" for axis, found in chance.items())
    which = "Point at a unit: a dash shows where it" if pointed else "A grey dash is where its unit"
    return " ".join([*reasons, f"{which} would stand by that alone: {told}."])


def _choose_measure(view: View, layer: Layer, options: list[str], value: str, field: str, label: str) -> None:
    key = f"measure_{field}"
    st.session_state[key] = value
    st.selectbox(
        label,
        options,
        format_func=lambda name: option_label(layer.measures[name]) if name in layer.measures else "Unit number",
        key=key,
        on_change=navigate.put_widget,
        args=(view.selection, field, key),
    )


def _points(view: View, layer: Layer, x: str, y: str, chance: Mapping[str, NullLevel]) -> pd.DataFrame:
    frame = unit_frame(layer, view.store)
    sees = frame["selective_class"] if "selective_class" in frame else pd.Series("", index=frame.index)
    chosen = None if view.chosen_class is None else view.store.classes.title[view.chosen_class]
    drawn = pd.DataFrame({"unit": frame["unit"], "x": frame[x], "y": frame[y], "sees": sees, "chosen": sees == chosen})
    for axis, found in chance.items():
        drawn[f"{axis}_chance"] = found.level.values
    return drawn[np.isfinite(drawn["x"]) & np.isfinite(drawn["y"])]


def _table(view: View, layer: Layer) -> None:
    heading("All units in numbers", "click a heading to sort, a cell to look at its unit")
    sets = column_sets(layer)
    columns = view.selection.columns or next(iter(sets))
    if len(sets) > 1:
        _choose_columns(view, list(sets), columns)
    frame = unit_frame(layer, view.store)[["unit", *sets[columns]]]
    # Drops have their levels as measures of their own, which stand among the columns already.
    others = [name for name in sets[columns] if not in_points(name)]
    chance = {name: found for name in others if (found := null_level_of(view.store, layer, name))}
    for name, found in chance.items():
        frame.insert(list(frame).index(name) + 1, f"{name}_chance", found.level.values)
    key = f"table_{layer.name}_{columns}"
    st.dataframe(
        frame,
        hide_index=True,
        height=_TABLE_HEIGHT,
        column_config=_columns(layer, frame, chance),
        on_select=lambda: _open_row(view, layer, key),
        selection_mode="single-cell",
        placeholder="–",
        key=key,
    )
    if len(frame.columns) > _COLUMNS_THAT_FIT:
        note(f"{len(frame.columns)} columns: scroll sideways in the table for those beyond its edge.")


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


def _open_row(view: View, layer: Layer, key: str) -> None:
    cells = st.session_state[key]["selection"]["cells"]
    if cells:
        # Rows are those of the frame, however the reader has sorted them, and the frame has a row a unit in order.
        navigate.open_unit(view, layer, cells[0][0])


def _columns(layer: Layer, frame: pd.DataFrame, chance: Mapping[str, NullLevel]) -> dict[str, Any]:
    columns: dict[str, Any] = {"unit": st.column_config.NumberColumn("Unit", width=60, pinned=True)}
    for name, found in chance.items():
        label = f"{found.level.label}: {found.words.name}"
        columns[f"{name}_chance"] = st.column_config.NumberColumn(
            label, format="%.3g", help=found.words.reason, width=_NUMBER_WIDTH
        )
    for name in frame.columns[~frame.columns.isin(list(columns))]:
        measure = layer.measures[name]
        if measure.is_index:
            columns[name] = st.column_config.TextColumn(measure.label, help=md_text(measure.formula), width=_TEXT_WIDTH)
        elif measure.kind == "flag":
            frame[name] = frame[name] == 1
            columns[name] = st.column_config.CheckboxColumn(measure.label, help=md_text(measure.formula))
        else:
            shown = quantity_of(measure)
            finely = "%.1f" if in_points(name) else "%.3g"
            columns[name] = st.column_config.NumberColumn(
                shown.label.replace(", points", ", pt"), format=finely, help=md_text(shown.formula), width=_NUMBER_WIDTH
            )
    return columns


def show_grid(view: View, layer: Layer) -> None:
    """Show all units as a grid, in the order that the reader chooses."""
    heading("All units", "the strongest images of each; click one to look at it")
    options = [*axes_of(layer), "unit"]
    sort = view.selection.sort or default_order(layer) or "unit"
    order = order_by(layer, sort)
    pages = -(-len(order) // _TILES_A_PAGE)
    page = min(view.selection.page, pages)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=300):
            ends = "lowest first" if lowest_first(layer, sort) else "highest first"
            _choose_measure(view, layer, options, sort, "sort", f"Order, {ends}")
        first = order[:_FIRST].tolist()
        what_if_link.show(view, first, f"What if the first {len(first)} were changed")
        _choose_page(view, pages, page, "above")
    value = quantity_of(layer.measures[sort]) if sort in layer.measures else None
    unit_grid.show(
        view, layer, order[(page - 1) * _TILES_A_PAGE : page * _TILES_A_PAGE].tolist(), value, key="all_units"
    )
    _choose_page(view, pages, page, "below")


def _choose_page(view: View, pages: int, page: int, where: str) -> None:
    """Show the pages of the grid; nothing where there is one."""
    if pages == 1:
        return
    # Pagination warns when its value is set through the session state, so each page gets its own widget.
    key = f"grid_page_{page}_{where}"
    # Left to itself it hides the second of two pages.
    width = _PAGE_WIDTH * (min(pages, _PAGES_SHOWN) + 2)
    put = navigate.put_widget
    st.pagination(pages, default=page, key=key, on_change=put, args=(view.selection, "page", key), width=width)
