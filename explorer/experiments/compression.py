"""The presentation of ``compression``: units removed one by one, in each round the one that costs least accuracy."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from explorer import navigate
from explorer.charts.compression import NAMES, Floats, colour_strip, compression
from explorer.experiments.presentation import Presentation
from explorer.experiments.transitions import beside_random, span
from explorer.format import count, number, probability
from explorer.navigate import View
from explorer.widgets.chart import draw_chart
from explorer.widgets.choices import choose_level
from explorer.widgets.html import heading, note, table
from explorer.widgets.names import class_link
from precompute.measures.curves import area
from precompute.measures.enrichment import enrichment
from precompute.store.reader import Experiment, Layer

_FIRST = 20
_THRESHOLD = 0.25
_THRESHOLDS = tuple(step / 20 for step in range(21))
_ALLOWED = (0.01, 0.05)


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    base = f"layers/{layer.name}"
    n_removed, ranking = experiment[f"{base}/n_removed"], experiment[f"{base}/ranking"]
    accuracy = experiment[f"{base}/accuracy"]
    figure, numbers = st.columns([7, 5], gap="large")
    with figure:
        heading("Accuracy as units are removed", f"{layer.name}, images that had no part in the choice")
        draw_chart(
            lambda: compression(n_removed, ranking, accuracy),
            key=f"compression_{layer.name}",
            says=f"Accuracy against the number of units of {layer.name} removed, greedily and in orders fixed before",
            origin=view.origin(layer.name, "experiment compression"),
        )
    with numbers:
        heading("In numbers")
        _numbers(n_removed, ranking, accuracy)
        if n_removed[-1] < layer.n_units:
            note(f"No more than {int(n_removed[-1])} units were removed: where this number stands, more could go.")
        note(_decided_on(experiment, base, accuracy))
    _colours(view, experiment, layer, base)
    _classes(view, experiment, layer, base)


def _numbers(n_removed: NDArray[Any], ranking: NDArray[Any], accuracy: Floats) -> None:
    """Show how many units can go before some accuracy is lost, and the area under each curve."""
    rows = []
    for kind in (kind for kind in NAMES if (ranking == kind).any()):
        curves = accuracy[ranking == kind]
        spared = [
            pd.Series([_spared(n_removed, curve, allowed) for curve in curves], dtype=float) for allowed in _ALLOWED
        ]
        areas = pd.Series(100 * area(curves, n_removed))
        rows.append([NAMES[kind], *(span(each, 0) for each in spared), span(areas, 1)])
    table(["", *(f"units gone before {100 * allowed:.0f} pt is lost" for allowed in _ALLOWED), "area, %"], rows)
    found = pd.DataFrame({"ranking": ranking, "mean": 100 * area(accuracy, n_removed)})
    if said := beside_random(found, {kind: name for kind, name in NAMES.items() if kind != "random"}, "area"):
        note(said)


def _spared(n_removed: NDArray[Any], curve: Floats, allowed: float) -> int:
    """Return how many units can go before accuracy first lies more than `allowed` below its start."""
    below = curve < curve[0] - allowed - 1e-9
    return int(n_removed[below.argmax() - 1] if below.any() else n_removed[-1])


def _decided_on(experiment: Experiment, base: str, accuracy: Floats) -> str:
    half = experiment["half"]
    deciding = experiment[f"{base}/deciding_accuracy"]
    n_rounds = len(deciding) - 1
    half_way = n_rounds // 2
    return (
        f"Decided in {count(n_rounds, 'round')} on {int((half == 0).sum()):,} images, measured on "
        f"{int((half == 1).sum()):,} others. After half of the rounds, accuracy has changed by "
        f"{number(100 * float(deciding[half_way] - deciding[0]), 1)} points on the images that decided and by "
        f"{number(100 * float(accuracy[0, half_way] - accuracy[0, 0]), 1)} points on the others. The choice usually "
        f"looks better on the images that made it. One point is {number(int((half == 1).sum()) / 100, 1)} of the "
        "images measured, so where a curve first loses one is partly chance."
    )


def _colours(view: View, experiment: Experiment, layer: Layer, base: str) -> None:
    order, n_removed = experiment[f"{base}/unit"][0], int(experiment[f"{base}/n_removed"][-1])
    index = experiment[f"{base}/colour_selectivity"].astype(np.float64)
    if np.isnan(index).all():
        note("The network sees these images without colour, so colour selectivity is not defined.")
        return
    heading("Do units that answer to colour go first?", "activation that is lost when a unit's exemplars turn grey")
    threshold = choose_level(view, _THRESHOLDS, _THRESHOLD, label="Counts as selective for colour above")
    draw_chart(
        lambda: colour_strip(index[order], threshold),
        key=f"compression_colour_{layer.name}_chart",
        says=f"Colour selectivity of the units of {layer.name} in the order in which they go",
        origin=view.origin(layer.name, "experiment compression"),
    )
    # With --keep, units that were never removed follow in the order.
    found = enrichment(order, index > threshold, first=min(_FIRST, n_removed))
    n_units = len(order)
    note(
        f"{found.found} of the first {found.first} units removed are selective for colour, as are "
        f"{int((index > threshold).sum())} of all {n_units}. By chance, {number(found.expected, 1)} of the first "
        f"{found.first} would be; the probability of as many or more is {probability(found.p).removeprefix('= ')} "
        "(hypergeometric). This holds for one threshold, not for the best of several."
    )


def _classes(view: View, experiment: Experiment, layer: Layer, base: str) -> None:
    named = {end: experiment[f"{base}/{end}_class"] for end in ("most", "least")}
    if not named["most"].shape[1]:
        return
    heading(
        "The most and the least important classes of a unit",
        "images lost without it, on the images that chose the classes and on held-out images",
    )
    units = [int(unit) for unit in experiment[f"{base}/unit"][0][::-1]]
    key = f"compression_unit_{layer.name}"
    asked = view.selection.unit
    unit = asked if asked is not None and asked in units else units[0]
    st.session_state[key] = unit
    st.selectbox(
        "Unit, from the end of the order",
        units,
        key=key,
        format_func=lambda each: f"unit {each}",
        on_change=navigate.put_widget,
        args=(view.selection, "unit", key),
        width=220,
    )
    label, half = np.asarray(view.store.images.label), experiment["half"]
    n_images = [np.bincount(label[half == part], minlength=len(view.store.classes)) for part in (0, 1)]
    sides = st.columns(2, gap="large")
    for side, end in zip(sides, ("most", "least"), strict=True):
        classes = named[end][unit]
        drops = [experiment[f"{base}/{end}_{name}"][unit] for name in ("drop", "held_out")]
        # Classes that neither lose nor gain images are all equally important, so they are not listed.
        changed = np.flatnonzero(drops[0] > 0 if end == "most" else drops[0] < 0)
        with side:
            if not len(changed):
                verb = "loses" if end == "most" else "gains"
                note(f"On the images that choose the classes, no class {verb} images without this unit.")
                continue
            rows = [
                [
                    class_link(view, int(classes[place])),
                    *(images_lost(drop[place], n[classes[place]]) for drop, n in zip(drops, n_images, strict=True)),
                ]
                for place in changed
            ]
            table([f"{end} important", "lost, of images", "held out"], rows)


def images_lost(drop: float, n_images: int) -> str:
    """Return how many more images are lost than gained, and of how many; a dash where the class has no images."""
    if np.isnan(drop):
        return "–"
    lost = round(drop * n_images)
    return f"{lost:,} of {n_images:,}" if lost >= 0 else f"{-lost:,} gained of {n_images:,}"


PRESENTATION = Presentation(
    shows=(
        "How many units of a layer can be removed before accuracy falls, when every round removes the unit "
        "that costs least accuracy."
    ),
    reading=(
        "The orange line removes units greedily: every round tries each unit that is left, removes the one "
        "that costs least accuracy, and judges all others anew. The other lines fix their order before the "
        "first unit goes, least important first. The grey band holds random orders. The gap between orange "
        "and blue is the gain from judging anew. Units that can replace each other all look unnecessary, but only "
        "until one of them is gone. All lines are measured on images that had no part in any choice."
    ),
    limits=(
        "The network is not trained again after a unit has gone. Compression in practice does train again, and then "
        "most of the accuracy comes back. The order is greedy, not the best possible. Here an index on a unit's "
        "exemplars decides whether it is selective for colour. The authors of the method judged by eye, in "
        "the first two layers of another network. So their numbers cannot be compared with these one by one. With few "
        "images many units cost exactly the same; of those, the unit with the lowest L1 norm goes first."
    ),
    draw=_draw,
)
