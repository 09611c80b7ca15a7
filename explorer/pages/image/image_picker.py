"""To the previous and the next image by button or arrow key."""

import streamlit as st

from explorer import navigate
from explorer.navigate import View


def show(view: View, image: int) -> None:
    """Show the controls that lead from image to image, in the order of the store: class after class."""
    paths = view.store.images.path
    st.html(f'<span class="us-place">image <b>{image + 1:,}</b> of {len(paths):,}</span>', width="content")
    for label, key, by in (("Previous", "Left", -1), ("Next", "Right", 1)):
        target = view.selection.to(image=paths[(image + by) % len(paths)])
        st.button(label, key=f"step_{label.lower()}", shortcut=key, on_click=navigate.put, args=(target,))
