"""The choice of a measure for an axis of the plot or the order of the grid."""

import streamlit as st

from explorer import navigate
from explorer.measure_display import (
    option_label,
)
from explorer.measure_help import help_markdown
from explorer.navigate import View
from precompute.store.reader import Layer


def show(view: View, layer: Layer, options: list[str], value: str, field: str, label: str) -> None:
    """Let the reader choose a measure of a layer for a part of the selection, such as ``x``."""
    key = f"measure_{field}"
    st.session_state[key] = value
    st.selectbox(
        label,
        options,
        format_func=lambda name: option_label(layer.measures[name]) if name in layer.measures else "Unit number",
        key=key,
        help=help_markdown(layer.measures[value]) if value in layer.measures else None,
        on_change=navigate.put_widget,
        args=(view.selection, field, key),
    )
