"""A row of buttons that chooses one of a few words for a part of the URL."""

from collections.abc import Mapping

import streamlit as st

from explorer import navigate
from explorer.navigate import View


def choose(
    view: View, field: str, words: Mapping[str, str], shown: str, *, key: str, label: str, names_itself: bool = True
) -> None:
    """Let the reader choose a word for a part of the URL.

    Parameters
    ----------
    view : View
        The open store and the selection.
    field : str
        The part of the selection that the choice sets.
    words : mapping
        The words that can stand in the URL, with their texts for readers, in order.
    shown : str
        The word that is chosen now.
    key : str
        Identifies the choice on its page.
    label : str
        What is chosen.
    names_itself : bool
        Whether the texts themselves say what is chosen: then the label is only given to readers who cannot see the
        page.
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
