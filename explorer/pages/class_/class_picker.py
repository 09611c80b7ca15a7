"""To the previous and the next class by button or arrow key."""

import streamlit as st

from explorer import navigate
from explorer.navigate import View


def show(view: View, label: int) -> None:
    """Show the controls that lead from class to class, in the order of the store."""
    names = view.store.classes.name
    st.html(f'<span class="us-place">class <b>{label + 1:,}</b> of {len(names):,}</span>', width="content")
    for word, key, by in (("Previous", "Left", -1), ("Next", "Right", 1)):
        target = view.selection.to(label=names[(label + by) % len(names)])
        st.button(word, key=f"step_{word.lower()}", shortcut=key, on_click=navigate.put, args=(target,))
