"""What-if questions that readers saved under a name, in a file beside the store."""

import streamlit as st

from explorer import navigate, saved_what_ifs
from explorer.format import count, md_text
from explorer.navigate import View
from explorer.pages.what_if.question import MINE, Asked
from explorer.widgets.html import escape, heading, note
from explorer.widgets.messages import alert
from precompute.errors import UnitscopeError

_SAID = "what_if_save_said"


def show(view: View, asked: Asked) -> None:
    """List the saved questions of the store as links, and let the reader save the one that is shown."""
    heading("Saved")
    if said := st.session_state.pop(_SAID, None):
        alert("us-warning", escape(said))
    if asked.units and asked.on != MINE:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input(
                "Name", key="what_if_name", max_chars=saved_what_ifs.MOST_NAME, placeholder="Keep this one as"
            )
            st.button("Save", key="save_what_if", on_click=_save, args=(view,))
    try:
        saved = saved_what_ifs.load(view.source.path)
    except UnitscopeError as error:
        alert("us-warning", escape(error))
        return
    for number, each in enumerate(saved):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            usual = dict.fromkeys(saved_what_ifs.PARTS)
            query = view.selection.to(pairs=None, unit=None, **(usual | each.asked)).query()
            st.page_link(navigate.WHAT_IF, label=md_text(each.name), query_params=query)
            st.button(
                "",
                key=f"remove_what_if_{number}",
                icon=":material/close:",
                type="tertiary",
                help="Remove it",
                on_click=_remove,
                args=(view, each.name),
            )
    if saved:
        note(f"{count(len(saved), 'what-if')} in {saved_what_ifs.file_of(view.source.path)}")


def _save(view: View) -> None:
    asked = {part: value for part in saved_what_ifs.PARTS if (value := getattr(view.selection, part)) is not None}
    try:
        saved_what_ifs.save(view.source.path, st.session_state["what_if_name"], asked)
        st.session_state["what_if_name"] = ""
    except UnitscopeError as error:
        st.session_state[_SAID] = str(error)


def _remove(view: View, name: str) -> None:
    try:
        saved_what_ifs.remove(view.source.path, name)
    except UnitscopeError as error:
        st.session_state[_SAID] = str(error)
