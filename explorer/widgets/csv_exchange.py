"""Export of a table that people wrote, such as labels, as CSV, and import of a colleague's table."""

from collections.abc import Sequence

import streamlit as st

from explorer.navigate import View
from explorer.rows_beside_store import Row, Table
from explorer.widgets.html import escape, note
from explorer.widgets.messages import alert
from precompute.errors import OptionError, UnitscopeError


def show(view: View, table: Table[Row], held: Sequence[Row], *, replaces: str) -> None:
    """Show a button that exports the table and a field that imports a file.

    Parameters
    ----------
    view : View
        The open store and the selection; the table belongs to this store.
    table : Table
        The kind of table, which knows its columns and its file.
    held : sequence of rows
        The rows that the store's own table holds.
    replaces : str
        A sentence that says which row an imported row replaces.
    """
    noun, key = table.noun, table.noun.replace(" ", "_")
    if refused := st.session_state.pop(f"{key}_refused", None):
        alert("us-warning", escape(refused))
    if done := st.session_state.pop(f"{key}_done", None):
        note(done)
    with st.container(horizontal=True, vertical_alignment="center"):
        if held:
            st.download_button(
                f"{noun.capitalize()} as CSV",
                lambda: table.write(held),
                file_name=f"{view.selection.store}.{table.ending}",
                mime="text/csv",
                on_click="ignore",
                key=f"{key}_csv",
            )
        with st.popover(f"Take in {noun}"):
            note(f"A file of {noun} of this store. {replaces}")
            args = (view, table, key)
            st.file_uploader(
                noun.capitalize(), type="csv", key=f"{key}_file", on_change=_take_in, args=args, max_upload_size=16
            )


def _take_in(view: View, table: Table[Row], key: str) -> None:
    """Add the rows of a file that a reader chose. For callbacks."""
    file, refused = st.session_state[f"{key}_file"], f"{key}_refused"
    if file is None:
        return
    try:
        given = table.read(file.getvalue().decode("utf-8"))
        layers = {layer.name: layer.n_units for layer in view.store.layers}
        strange = [row for row in given if row.unit >= layers.get(row.layer, 0)]
        if strange:
            raise OptionError(f"This store has no unit {strange[0].layer}:{strange[0].unit}. Nothing was taken in.")
        table.put(view.source.path, *given)
        st.session_state[f"{key}_done"] = f"Taken in: {len(given):,} {table.noun}."
    except UnicodeDecodeError:
        st.session_state[refused] = "The file is not text in UTF-8. Nothing was taken in."
    except UnitscopeError as error:
        st.session_state[refused] = str(error)
