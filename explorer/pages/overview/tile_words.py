"""What the words on the tiles of units mean."""

import streamlit as st

from explorer.navigate import View
from explorer.widgets.html import note, table
from precompute.store.keep import ACTIVATIONS

_SEES = (
    ("sees", "The class with the highest mean activation, or several classes if the images do not settle which."),
    (
        "strongest, on average",
        "The class of most of the strongest images, and the class with the highest mean activation, where they differ.",
    ),
)
_HIGHEST_MEAN = (("highest mean", "The class with the highest mean activation. Other images might name another."),)
_LOSES = (
    ("breaks", "The class that loses most without the unit, or several classes if the images do not settle which."),
    ("surest loss, sure loss", "A class loses more than chance explains. The surest comes first."),
    ("large drop", "A class loses many images without it. Whether this is more than chance explains was not tested."),
    (
        "most selective, selective",
        "The highest class selectivity, among units that fire on at least as many images as a class has. With the "
        "experiment selectivity, only of units beyond chance (q ≤ 0.05 over the layer); in brackets the level that 95 "
        "of 100 shuffles of the labels stay below for this unit.",
    ),
    (
        "most general",
        "All classes together lose more than chance explains. Of such units, this one makes the most classes lose. "
        "What a single class loses may be chance.",
    ),
    (
        "most redundant",
        "More units of its layer correlate with it than with any other unit: |r| of activations is at least 0.5.",
    ),
    ("dead", "It is zero on every image."),
)


def show(view: View) -> None:
    """Explain the tiles: what the dots mean at once, and every word on demand."""
    note(
        "Each tile is one unit. The reason to look at it stands above its pictures. "
        "Full dot: the loss is more than chance explains. Ring: it may be chance."
    )
    with st.expander("What the words on the tiles mean"):
        table(
            [],
            (*(_HIGHEST_MEAN if view.store.lacks(ACTIVATIONS) else _SEES), *_LOSES),
            numbers=slice(0),
            look="us-list",
        )
