"""A choice among a few words that is part of the URL: a row of buttons."""

from collections.abc import Mapping

import streamlit as st

from explorer import navigate
from explorer.navigate import View


def choose(
    view: View, field: str, words: Mapping[str, str], shown: str, *, key: str, label: str, names_itself: bool = True
) -> None:
    """Let the reader choose.

    Parameters
    ----------
    view : View
        What is looked at.
    field : str
        The part of its selection that is chosen.
    words : mapping
        What can stand in the URL, and its words for readers, in order.
    shown : str
        The one that is shown.
    key : str
        Names the choice on its page.
    label : str
        What is chosen.
    names_itself : bool
        Whether the words make plain what is chosen: then only readers who cannot see it are told the label.
    """
    st.session_state[key] = shown
    st.segmented_control(
        label,
        list(words),
        format_func=words.__getitem__,
        key=key,
        required=True,
        on_change=navigate.put_widget,
        args=(view.selection, field, key),
        label_visibility="collapsed" if names_itself else "visible",
    )
