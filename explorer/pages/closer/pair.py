"""Two units of a layer side by side: their strongest images, and what breaks without each of them."""

import streamlit as st

from explorer import navigate
from explorer.navigate import View
from explorer.pages.closer import two_accuracies
from explorer.pages.closer.two_accuracies import Changed
from explorer.widgets import exemplar_row
from explorer.widgets.html import heading
from precompute.store.answers import answers
from precompute.store.reader import Layer


def show(view: View, layer: Layer, unit: int, other: int) -> None:
    """Show the strongest images of both units, how many images both lose, and the accuracy of classes without each."""
    heading(f"Unit {unit} beside unit {other}")
    plain = navigate.without_choice(view)
    for place, each in zip(st.columns(2, gap="large"), (unit, other), strict=True):
        with place:
            exemplar_row.show(plain, layer, each)
    if not layer.ablations:
        return
    before, kind = answers(view.store), view.ablation_of(layer)
    one, two = (Changed.of(f"without unit {each}", layer.flips(kind, each), before) for each in (unit, other))
    place_words = (layer.name, f"units {unit} and {other}", f"{kind} ablation")
    two_accuracies.show(view, one, two, before, key=f"pair_{layer.name}_{unit}_{other}_{kind}", place=place_words)
