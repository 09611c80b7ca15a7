"""Tables of numbers that sort on the screen, and what is offered as CSV.

Streamlit's own download of tables is switched off in ``.streamlit/config.toml``: in its files a name that begins with
``=`` is a formula to a spreadsheet.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

_HEIGHT = 460


def number_table(
    frame: pd.DataFrame,
    columns: Mapping[str, Any],
    *,
    key: str,
    height: int = _HEIGHT,
    on_cell: Callable[[int, str], None] | None = None,
) -> None:
    """Show a table whose rows the reader can sort.

    Parameters
    ----------
    frame : DataFrame
        The rows.
    columns : mapping
        How columns are shown, by their names in the frame, in order; those that the frame lacks are left out.
    key : str
        Names it on its page; all that the frame depends on.
    height : int
        In pixels.
    on_cell : callable, optional
        Called with the row in the frame, however the reader has sorted it, and the column of a cell that is clicked.
    """
    held = {name: column for name, column in columns.items() if name in frame}

    def clicked() -> None:
        cells = st.session_state[key]["selection"]["cells"]
        if cells and on_cell is not None:
            on_cell(*cells[0])

    listens: Any = "ignore" if on_cell is None else clicked
    st.dataframe(
        frame[list(held)],
        hide_index=True,
        height=height,
        column_config=held,
        on_select=listens,
        selection_mode="single-cell",
        placeholder="–",
        key=key,
    )


def number_column(label: str, help_: str | None = None, spelling: str = "%.2f") -> Any:
    """Return how a column of numbers is shown: its head, what it says of it, how its numbers are spelled."""
    return st.column_config.NumberColumn(label, format=spelling, help=help_)


def csv_button(make: Callable[[], str], *, name: str, key: str, label: str = "This table as CSV") -> None:
    """Offer a table as CSV, which :func:`explorer.csv_text.csv_of` writes when the button is clicked.

    Parameters
    ----------
    make : callable
        Gives the CSV.
    name : str
        The file's name, without its ending.
    key : str
        Names the button on its page.
    label : str
        What the button says.
    """
    st.download_button(label, make, file_name=f"{name}.csv", mime="text/csv", on_click="ignore", key=key)
