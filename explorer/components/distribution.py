"""How strongly a unit fires, over all images, and where the pictures shown stand among them."""

import numpy as np

from explorer.charts.histogram import histogram
from explorer.components.chart import chart
from explorer.components.exemplars import shown_kind
from explorer.components.html import heading, note
from explorer.impact import Floats
from explorer.navigate import View
from explorer.places import apart_words
from explorer.text import percent, significant
from precompute.store.reader import Layer

_SATURATED = 0.02


def distribution(view: View, layer: Layer, unit: int) -> None:
    """Show the histogram of the unit's activation, zeros counted apart."""
    largest = layer.activation(unit).max
    heading("How strongly it fires", "; ".join(_extremes(largest)))
    if not largest.any():
        note("It is at zero on every image.")
        return
    shown = layer.exemplars(shown_kind(view, layer), unit).value if layer.exemplar_kinds else np.array([])
    of_class = None
    if view.chosen_class is not None:
        of_class = largest[view.store.images.label == view.chosen_class]
    chart(lambda: histogram(largest, shown, of_class), key="histogram", says="Images by their largest activation")
    front = f" In blue: {view.store.classes.title[view.chosen_class]}." if view.chosen_class is not None else ""
    note(f"Images whose largest activation is not zero; a tick below for each picture shown.{front}")
    if apart := apart_words(layer, unit):
        note(apart)


def _extremes(largest: Floats) -> list[str]:
    """Say how many images leave the unit at zero, and how many drive it to one same ceiling, as ReLU6 does."""
    said = [f"{percent(float((largest == 0).mean()), 100)} of the images leave it at zero"]
    top = float(largest.max())
    share = float((largest == top).mean())
    if top > 0 and share >= _SATURATED:
        said.append(f"{percent(share, 100)} reach exactly {significant(top)}")
    return said
