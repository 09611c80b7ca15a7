"""A table of people's words as CSV: one click gives it, another takes in that of a colleague."""

from collections.abc import Sequence

import streamlit as st

from explorer.navigate import View
from explorer.rows_beside_store import Row, Table
from explorer.widgets.html import escape, note
from explorer.widgets.messages import alert
from precompute.errors import OptionError, UnitscopeError


def show(view: View, table: Table[Row], held: Sequence[Row], *, replaces: str) -> None:
    """Offer both ways.

    Parameters
    ----------
    view : View
        What is looked at; the table is that of its store.
    table : Table
        The kind of table.
    held : sequence of rows
        What the store's own holds.
    replaces : str
        A sentence on what a row that is taken in replaces.
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
    """Add the rows of a file that a reader chose; for callbacks."""
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
        st.session_state[refused] = "The file is no text in UTF-8. Nothing was taken in."
    except UnitscopeError as error:
        st.session_state[refused] = str(error)
