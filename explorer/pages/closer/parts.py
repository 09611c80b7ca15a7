"""The parts of the page, of which one is shown."""

import streamlit as st

from explorer import navigate
from explorer.navigate import View

ALIKE = "alike"
_PARTS = {ALIKE: "Units alike"}
_KEY = "closer_part"


def choose(view: View) -> str:
    """Let the reader choose the part that is shown, and return it."""
    shown = view.selection.part if view.selection.part in _PARTS else ALIKE
    st.session_state[_KEY] = shown
    st.segmented_control(
        "Part",
        list(_PARTS),
        format_func=_PARTS.__getitem__,
        key=_KEY,
        required=True,
        on_change=navigate.put_widget,
        args=(view.selection, "part", _KEY),
        label_visibility="collapsed",
    )
    return shown
