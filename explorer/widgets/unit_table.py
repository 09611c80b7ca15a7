"""A table of a layer's units whose cells lead to them, and to the classes that they name."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from explorer import navigate
from explorer.navigate import View
from precompute.store.reader import Layer

_HEIGHT = 460


def unit_table(
    view: View,
    layer: Layer,
    frame: pd.DataFrame,
    columns: Mapping[str, Any],
    *,
    key: str,
    classes: Collection[str] = (),
) -> None:
    """Show units; a click on a class goes to the class, one on any other cell to its unit.

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
    classes : collection of str
        The columns of titles of classes.
    """
    held = {name: column for name, column in columns.items() if name in frame}
    st.dataframe(
        frame[list(held)],
        hide_index=True,
        height=_HEIGHT,
        column_config=held,
        on_select=lambda: open_cell(view, layer, frame, classes, key=key),
        selection_mode="single-cell",
        placeholder="–",
        key=key,
    )


def open_cell(view: View, layer: Layer, frame: pd.DataFrame, classes: Collection[str], *, key: str) -> None:
    """Open the class or the unit of the cell that was clicked in the table of this key; for callbacks.

    Text that is no title, or the title of two classes, leads to the unit.
    """
    cells = st.session_state[key]["selection"]["cells"]
    if not cells:
        return
    # Rows are those of the frame, however the reader has sorted them.
    place, column = cells[0]
    titles = view.store.classes.title
    if column in classes and titles.count(title := frame[column].iloc[place]) == 1:
        navigate.open_class(view, titles.index(title))
    else:
        navigate.open_unit(view, layer, int(frame["unit"].iloc[place]))


def number_column(label: str, help_: str | None = None, spelling: str = "%.2f") -> Any:
    """Return how a column of numbers is shown: its head, what it says of it, how its numbers are spelled."""
    return st.column_config.NumberColumn(label, format=spelling, help=help_)
