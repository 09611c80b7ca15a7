"""Units of a layer as a grid of their strongest images, divided into pages."""

import streamlit as st

from explorer import navigate
from explorer.measure_choices import axes_of
from explorer.measure_display import (
    default_order,
    lowest_first,
    order_by,
    quantity_of,
)
from explorer.navigate import View
from explorer.pages.layer import measure_choice
from explorer.unit_criteria import Met
from explorer.widgets import unit_grid, what_if_link
from explorer.widgets.html import heading
from precompute.store.reader import Layer

_TILES_A_PAGE, _FIRST = 48, 10
_PAGE_WIDTH, _PAGES_SHOWN = 48, 9


def show(view: View, layer: Layer, kept: Met) -> None:
    """Show the units that meet the conditions as a grid, in the order that the reader chooses."""
    heading(
        "All units" if kept.all() else "The units found", "the strongest images of each", does="click one to look at it"
    )
    options = [*axes_of(layer), "unit"]
    sort = view.selection.sort or default_order(layer) or "unit"
    order = order_by(layer, sort)
    order = order[kept[order]]
    pages = -(-len(order) // _TILES_A_PAGE)
    page = min(view.selection.page, pages)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=300):
            ends = "lowest first" if lowest_first(layer, sort) else "highest first"
            measure_choice.show(view, layer, options, sort, "sort", f"Order, {ends}")
        first = order[:_FIRST].tolist()
        what_if_link.show(view, first, f"What if the first {len(first)} were changed")
        _choose_page(view, pages, page, "above")
    value = quantity_of(layer.measures[sort]) if sort in layer.measures else None
    unit_grid.show(
        view, layer, order[(page - 1) * _TILES_A_PAGE : page * _TILES_A_PAGE].tolist(), value, key="all_units"
    )
    _choose_page(view, pages, page, "below")


def _choose_page(view: View, pages: int, page: int, where: str) -> None:
    """Let the reader choose a page of the grid; show nothing if there is only one."""
    if pages == 1:
        return
    # Pagination warns if its value is set through the session state, so each page gets a widget of its own.
    key = f"grid_page_{page}_{where}"
    # By default, pagination would hide the second of two pages.
    width = _PAGE_WIDTH * (min(pages, _PAGES_SHOWN) + 2)
    put = navigate.put_widget
    st.pagination(pages, default=page, key=key, on_change=put, args=(view.selection, "page", key), width=width)
