"""To the previous and the next unit by button or arrow key."""

import streamlit as st

from explorer import navigate
from explorer.navigate import View
from explorer.selection import Selection


def show(view: View) -> None:
    """Show the controls that lead from unit to unit."""
    layer, unit = view.layer, view.selection.unit or 0
    st.html('<span class="us-crumb">/</span>', width="content")
    st.html(f'<span class="us-place">unit <b>{unit}</b> of {layer.n_units:,}</span>', width="content")
    _step("Previous", "Left", view.selection.to(unit=(unit - 1) % layer.n_units))
    _step("Next", "Right", view.selection.to(unit=(unit + 1) % layer.n_units))


def _step(label: str, key: str, target: Selection) -> None:
    st.button(label, key=f"step_{label.lower()}", shortcut=key, on_click=navigate.put, args=(target,))
