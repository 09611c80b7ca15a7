"""A table of a layer's units whose cells lead to them."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from explorer import navigate
from explorer.navigate import View
from precompute.store.reader import Layer

_HEIGHT = 460


def unit_table(view: View, layer: Layer, frame: pd.DataFrame, columns: Mapping[str, Any], *, key: str) -> None:
    """Show units; a click on a cell goes to its unit.

    Parameters
    ----------
    view : View
        What is looked at.
    layer : Layer
        The layer of the units.
    frame : DataFrame
        A row a unit, in order: ``unit``, and the columns.
    columns : mapping
        How columns are shown, by their names in the frame, in order; those that it lacks are left out.
    key : str
        Names it on its page; all that the frame depends on.
    """
    held = {name: column for name, column in columns.items() if name in frame}
    unit = frame["unit"].to_numpy()

    def open_row() -> None:
        cells = st.session_state[key]["selection"]["cells"]
        if cells:
            navigate.open_unit(view, layer, unit[cells[0][0]])

    st.dataframe(
        frame[list(held)],
        hide_index=True,
        height=_HEIGHT,
        column_config=held,
        on_select=open_row,
        selection_mode="single-cell",
        placeholder="–",
        key=key,
    )


def number_column(label: str, help_: str | None = None, spelling: str = "%.2f") -> Any:
    """Return how a column of numbers is shown: its head, what it says of it, how its numbers are spelled."""
    return st.column_config.NumberColumn(label, format=spelling, help=help_)
