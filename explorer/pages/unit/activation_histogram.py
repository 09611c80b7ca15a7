"""The activations of a unit over all images, with the positions of the pictures shown."""

import numpy as np

from explorer.charts.histogram import histogram
from explorer.class_effects import Floats
from explorer.format import count, percent, significant
from explorer.navigate import View
from explorer.pages.unit.exemplars import shown_kind
from explorer.positions import apart_words
from explorer.widgets.chart import draw_chart
from explorer.widgets.html import heading, note
from precompute.store.keep import ACTIVATIONS
from precompute.store.reader import Layer

_SATURATED = 0.02


def show(view: View, layer: Layer, unit: int) -> None:
    """Show the histogram of the unit's largest activations; zeros are counted separately."""
    if lacks := view.store.lacks(ACTIVATIONS):
        heading("How strongly it fires")
        note(lacks)
        return
    activation = layer.activation(unit)
    largest = activation.max
    heading("How strongly it fires", "; ".join(_extremes(largest, signed=activation.positive_mean is not None)))
    if not largest.any():
        note("It is at zero on every image.")
        return
    shown = layer.exemplars(shown_kind(view, layer), unit).value if layer.exemplar_kinds else np.array([])
    of_class = None
    if view.chosen_class is not None:
        of_class = largest[view.store.images.label == view.chosen_class]
    draw_chart(
        lambda: histogram(largest, shown, of_class),
        key="histogram",
        says="Images by their largest activation, those at zero left out; ticks: the pictures shown",
        origin=view.origin(layer.name, f"unit {unit}"),
    )
    front = f" In blue: {view.titles[view.chosen_class]}." if view.chosen_class is not None else ""
    note(f"Bars: images whose largest activation is not zero. Ticks: the pictures shown.{front}")
    if apart := apart_words(layer, unit):
        note(apart)


def _extremes(largest: Floats, *, signed: bool) -> list[str]:
    """Say on how many images the unit is at rest, and on how many it reaches the same ceiling, as with ReLU6.

    In a layer with values below zero, zero is not rest. There the text says on how many images the unit is nowhere
    above zero.
    """
    resting, where = (largest <= 0, "have it nowhere above zero") if signed else (largest == 0, "leave it at zero")
    said = [f"{percent(float(resting.mean()), len(largest))} of the images {where}"]
    top = float(largest.max())
    n_top = int((largest == top).sum())
    if top > 0 and n_top >= max(2, _SATURATED * len(largest)):
        said.append(f"{count(n_top, 'image')} reach exactly {significant(top)}")
    return said
