"""Tables of numbers that readers can sort on the screen, and downloads as CSV.

Streamlit's own download of tables is switched off in ``.streamlit/config.toml``, because a spreadsheet would take a
name that begins with ``=`` in its files for a formula.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

_HEIGHT = 460
_ROW, _EDGES = 35, 18


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
        Identifies the table on its page, and has to name everything that the frame depends on.
    height : int
        In pixels, at most; a short table takes no more room than its rows.
    on_cell : callable, optional
        Called with the row and the column of a clicked cell; the row is that of the frame, also if the reader has
        sorted the table.
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
        height=min(height, _ROW * (len(frame) + 1) + _EDGES),
        column_config=held,
        on_select=listens,
        selection_mode="single-cell",
        placeholder="–",
        key=key,
    )


def number_column(label: str, help_: str | None = None, spelling: str = "%.2f") -> Any:
    """Return the description of a column of numbers: its heading, its help text, the format of its numbers."""
    return st.column_config.NumberColumn(label, format=spelling, help=help_)


def csv_button(make: Callable[[], str], *, name: str, key: str, label: str = "This table as CSV") -> None:
    """Offer a table as CSV, which :func:`explorer.csv_text.csv_of` writes when the button is clicked.

    Parameters
    ----------
    make : callable
        Returns the CSV.
    name : str
        The file's name, without its ending.
    key : str
        Identifies the button on its page.
    label : str
        The text on the button.
    """
    st.download_button(label, make, file_name=f"{name}.csv", mime="text/csv", on_click="ignore", key=key)
