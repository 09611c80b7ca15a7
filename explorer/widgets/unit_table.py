"""A table of a layer's units, whose cells link to the units and to classes."""

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
    """Show units in a table; a click on a class opens the class, a click on another cell opens the unit.

    Parameters
    ----------
    view : View
        The open store and the selection.
    layer : Layer
        The layer of the units.
    frame : DataFrame
        A row for each unit, in the order of the table: ``unit``, and the columns.
    columns : mapping
        How columns are shown, by their names in the frame, in order; columns that the frame lacks are left out.
    key : str
        Identifies the table on its page, and has to name everything that the frame depends on.
    classes : collection of str
        The columns that hold titles of classes.
    """
    held = [name for name in columns if name in frame]
    number_table(
        frame, columns, key=key, on_cell=lambda row, column: open_cell(view, layer, frame.iloc[row], column, classes)
    )
    csv_button(lambda: csv_of(frame[held]), name=view.origin().slug(key), key=f"{key}_csv")


def open_cell(view: View, layer: Layer, row: pd.Series, column: str, classes: Collection[str]) -> None:
    """Open the class or the unit of a clicked cell. For callbacks.

    If the text of the cell is not the title of exactly one class, the unit opens.

    """
    titles = view.store.classes.title
    if column in classes and titles.count(title := row[column]) == 1:
        navigate.open_class(view, titles.index(title))
    else:
        navigate.open_unit(view, layer, int(row["unit"]))
