"""To the previous and the next one of its kind, by button or arrow key."""

from collections.abc import Callable

import streamlit as st

from explorer import navigate
from explorer.selection import Selection


def show(noun: str, shown: int, at: int, n: int, to: Callable[[int], Selection]) -> None:
    """Say which one it is, and lead to the ones beside it.

    Parameters
    ----------
    noun : str
        What it is one of, such as ``class``.
    shown : int
        Its number for readers.
    at, n : int
        Its place, from 0, and how many there are; behind the last comes the first.
    to : callable
        From a place to what is looked at there.
    """
    st.html(f'<span class="us-place">{noun} <b>{shown:,}</b> of {n:,}</span>', width="content")
    for word, key, by in (("Previous", "Left", -1), ("Next", "Right", 1)):
        st.button(word, key=f"step_{word.lower()}", shortcut=key, on_click=navigate.put, args=(to((at + by) % n),))
