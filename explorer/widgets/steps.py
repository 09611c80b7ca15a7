"""Buttons and arrow keys that lead to the previous and the next unit, class or image."""

from collections.abc import Callable

import streamlit as st

from explorer import navigate
from explorer.selection import Selection


def show(noun: str, shown: int, at: int, n: int, to: Callable[[int], Selection]) -> None:
    """Show the place of the current one in its list, and buttons to the previous and the next.

    Parameters
    ----------
    noun : str
        The kind of thing in the list, such as ``class``.
    shown : int
        The number to show to readers.
    at, n : int
        The place in the list, from 0, and the length of the list; after the last comes the first.
    to : callable
        Gives the selection for a place in the list.
    """
    st.html(f'<span class="us-place">{noun} <b>{shown:,}</b> of {n:,}</span>', width="content")
    for word, key, by in (("Previous", "Left", -1), ("Next", "Right", 1)):
        st.button(word, key=f"step_{word.lower()}", shortcut=key, on_click=navigate.put, args=(to((at + by) % n),))
