"""The choice of the part that is shown, on a page that shows one of several."""

from collections.abc import Mapping

import streamlit as st

from explorer import navigate
from explorer.navigate import View

_KEY = "page_part"


def choose(view: View, parts: Mapping[str, str]) -> str:
    """Let the reader choose a part by its title, and return its word in the URL; the first is shown to begin with."""
    first = next(iter(parts))
    shown = view.selection.part if view.selection.part in parts else first
    st.session_state[_KEY] = shown
    st.segmented_control(
        "Part",
        list(parts),
        format_func=parts.__getitem__,
        key=_KEY,
        required=True,
        on_change=navigate.put_widget,
        args=(view.selection, "part", _KEY),
        label_visibility="collapsed",
    )
    return str(shown)
