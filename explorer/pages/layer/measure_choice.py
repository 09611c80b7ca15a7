"""The choice of a measure for an axis of the plot or the order of the grid."""

import streamlit as st

from explorer import navigate
from explorer.measure_display import (
    option_label,
)
from explorer.measure_help import help_markdown
from explorer.navigate import View
from precompute.store.reader import Layer

_KEY, _CLASS = "map_colour", "class "


def show(view: View, layer: Layer, options: list[str], value: str, field: str, label: str) -> None:
    """Let the reader choose a measure of a layer for a part of the selection, such as ``x``."""
    key = f"measure_{field}"
    st.session_state[key] = value
    st.selectbox(
        label,
        options,
        format_func=lambda name: _label(layer, name),
        key=key,
        help=help_markdown(layer.measures[value]) if value in layer.measures else None,
        on_change=navigate.put_widget,
        args=(view.selection, field, key),
    )


def show_with_classes(view: View, layer: Layer, options: list[str], value: str, label: str) -> None:
    """Let the reader choose a measure for ``y``, or instead of it a class to look at."""
    classes = view.store.classes
    titles = {f"{_CLASS}{name}": title for name, title in zip(classes.name, classes.title, strict=True)}
    chosen = view.selection.label
    st.session_state[_KEY] = value if chosen is None else f"{_CLASS}{chosen}"
    st.selectbox(
        label,
        [*options, *titles],
        format_func=lambda name: f"Answers most to {titles[name]}" if name in titles else _label(layer, name),
        key=_KEY,
        help=help_markdown(layer.measures[value]) if chosen is None else None,
        on_change=_put,
        args=(view,),
    )


def _put(view: View) -> None:
    asked = st.session_state[_KEY]
    if asked.startswith(_CLASS):
        navigate.put(view.selection.to(label=asked.removeprefix(_CLASS)))
    else:
        navigate.put(view.selection.to(y=asked, label=None))


def _label(layer: Layer, name: str) -> str:
    return option_label(layer.measures[name]) if name in layer.measures else "Unit number"
