"""A table of a layer's units whose cells lead to them, and to the classes that they name."""

from collections.abc import Collection, Mapping
from typing import Any

import pandas as pd

from explorer import navigate
from explorer.csv_text import csv_of
from explorer.navigate import View
from explorer.widgets.number_table import csv_button, number_table
from precompute.store.reader import Layer


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
    held = [name for name in columns if name in frame]
    number_table(
        frame, columns, key=key, on_cell=lambda row, column: open_cell(view, layer, frame.iloc[row], column, classes)
    )
    csv_button(lambda: csv_of(frame[held]), name=view.origin().slug(key), key=f"{key}_csv")


def open_cell(view: View, layer: Layer, row: pd.Series, column: str, classes: Collection[str]) -> None:
    """Open the class or the unit of a cell that was clicked; for callbacks.

    Text that is no title, or the title of two classes, leads to the unit.
    """
    titles = view.store.classes.title
    if column in classes and titles.count(title := row[column]) == 1:
        navigate.open_class(view, titles.index(title))
    else:
        navigate.open_unit(view, layer, int(row["unit"]))
