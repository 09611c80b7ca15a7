"""The choice of an ablation kind, where the store holds several."""

import streamlit as st

from explorer import navigate
from explorer.navigate import View
from precompute.ablation_kinds import kind_of
from precompute.store.reader import Layer


def choose_ablation(view: View, layer: Layer) -> None:
    """Let the reader choose the kind of ablation; nothing to see where there is only one."""
    if len(layer.ablations) < 2:
        return
    st.session_state["silenced"] = view.selection.ablation
    st.segmented_control(
        "The unit is",
        layer.ablations,
        format_func=lambda kind: kind_of(kind).words,
        key="silenced",
        required=True,
        on_change=navigate.put_widget,
        args=(view.selection, "ablation", "silenced"),
        label_visibility="collapsed",
    )
