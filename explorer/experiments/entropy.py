"""The presentation of ``entropy``: feature entropy beside noise, and what removing units in its order does."""

from functools import partial

import numpy as np
import streamlit as st

from explorer import navigate
from explorer.charts.entropy import NAMES, entropies, removal
from explorer.experiments.entropy_data import Entropies, read_entropies
from explorer.experiments.presentation import Presentation
from explorer.experiments.transitions import beside_random, span, steepest, window_said
from explorer.format import count, number
from explorer.navigate import View
from explorer.widgets.chart import draw_chart
from explorer.widgets.choices import choose_class
from explorer.widgets.html import heading, note, table, with_range
from precompute.measures.entropy import LEAST_RATE
from precompute.measures.known import mean_of_known
from precompute.store.reader import Experiment, Layer

_RANKS_LAST = 50.0
_OWN = ("lowest", "highest")
_SMOOTH = (
    "Maps are smooth, and their shuffles are not. In simulations half of the units of smooth noise lie below all their "
    "shuffles for one class, and all of them on the mean over classes."
)


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        chosen = choose_class(view)
    of = "mean over classes" if chosen is None else view.titles[chosen]
    shown = read_entropies(layer, experiment, chosen)
    if shown.units["entropy"].isna().all():
        note(f"There is no feature entropy of {of}: no image that entropies are computed on shows it.")
        return
    figure, numbers = st.columns([7, 5], gap="large")
    with figure:
        _levels(view, layer, shown, of)
        _curves(view, layer, shown, of)
    with numbers:
        heading("Against noise", of)
        _against_noise(shown, chosen)
        note(_images(experiment, layer, chosen))
        heading("Along the way", of)
        _along_the_way(shown)


def _levels(view: View, layer: Layer, shown: Entropies, of: str) -> None:
    heading("How alike the maps of every unit are", f"{layer.name}, {of}")
    drawn = shown.units[shown.units["entropy"] < _RANKS_LAST]
    draw_chart(
        lambda: entropies(drawn, shown.noise, up="feature entropy, nat"),
        key=f"entropy_levels_{layer.name}_{of}",
        says=f"Feature entropy of every unit of {layer.name} against its selective rate, beside noise: {of}",
        origin=view.origin(layer.name, "experiment entropy"),
        on_pick=lambda pick: navigate.open_unit(view, layer, pick["unit"]),
    )
    if len(drawn) < len(shown.units):
        note(f"Not drawn: {count(len(shown.units) - len(drawn), 'unit')} that the rule ranks last.")


def _against_noise(shown: Entropies, chosen: int | None) -> None:
    """Show the level of noise, and how many units lie below it."""
    units, n_units = shown.units, len(shown.units)
    rows = [("units, median", number(units["entropy"].median()), number(units["rate"].median(), 0))]
    levels = shown.noise.to_dict("records")
    rows += [
        (each["noise"], with_range(each["mean"], each["low"], each["high"]), number(each["rate"], 0)) for each in levels
    ]
    rows.append(("own maps shuffled, median", number(units["mean"].median()), ""))
    table(["", "feature entropy, nat", "selective rate, %"], rows)
    if chosen is None:
        note("Noise has a range for single classes only, so no point is blue here. Choose a class to see it.")
        if units["low"].isna().all():
            return
        levels = []
    below = [(f"below {each['noise']}", int((units["entropy"] < each["low"]).sum())) for each in levels]
    below.append(("below all 19 shuffles of its maps", int(units["below"].sum())))
    below.append((f"selective rate under {100 * LEAST_RATE:.0f} %", int((units["rate"] < 100 * LEAST_RATE).sum())))
    table(["units", f"of {n_units:,}"], [(name, f"{found:,}") for name, found in below])
    beside = ", and half as many below noise" if levels else ""
    note(
        f"If the pixels of a map were independent, up to {number(0.05 * n_units, 1)} units would lie below all shuffles"
        f"{beside}. {_SMOOTH}"
    )


def _along_the_way(shown: Entropies) -> None:
    """Show for each order how many units it takes to lose half, the steepest fall, and the mean accuracy."""
    found = shown.transitions()
    rows = []
    for kind, name in NAMES.items():
        of_kind = found[found["ranking"] == kind]
        rows.append((name, span(of_kind["half"], 0), steepest(of_kind), span(of_kind["mean"], 0)))
    table(["", "units to lose half", "steepest fall, points", "mean accuracy, %"], rows)
    note(window_said(shown.n_removed))
    if said := beside_random(found, {kind: NAMES[kind] for kind in _OWN}, "mean accuracy"):
        note(said)


def _curves(view: View, layer: Layer, shown: Entropies, of: str) -> None:
    baseline = view.store.baseline
    found = shown.transitions()
    falls = found[found["ranking"].isin(_OWN)]
    parts = (("Accuracy", shown.accuracy, "accuracy, %"), ("Loss", shown.loss, "mean negative log-probability, nat"))
    for name, curve, up in parts:
        heading(f"{name} as units are removed", f"{layer.name}, {of}")
        if name == "Loss" and baseline.log_prob is None:
            note(f"The store holds no log-probabilities, because {baseline.log_prob_of}.")
            continue
        if np.isnan(curve).all():
            note("No image of the class was measured.")
            continue
        draw_chart(
            partial(removal, shown.n_removed, shown.ranking, curve, falls, up=up),
            key=f"entropy_{name}_{layer.name}_{of}",
            says=f"{name} of {of} against the number of units of {layer.name} removed, in several orders",
            origin=view.origin(layer.name, "experiment entropy"),
        )
    note(
        "Thick: the steepest fall of accuracy. Ring: half of the accuracy is gone. The curves of the loss are marked "
        "at the same places."
    )


def _images(experiment: Experiment, layer: Layer, chosen: int | None) -> str:
    n_images, half = experiment["n_images"], experiment["half"]
    n_used = int(n_images.sum() if chosen is None else n_images[chosen])
    some = count(n_used, "image" if (half == 0).any() else "training image")
    agreement = experiment[f"layers/{layer.name}/agreement"]
    r = mean_of_known(agreement) if chosen is None else float(agreement[chosen])
    told = "cannot be compared" if np.isnan(r) else f"agree with those on the others at r = {r:.2f}"
    rule = experiment.facts.get("options", {}).get("entropy_rule")
    by = f" by the rule “{rule}”" if rule else ""
    return f"Entropies are computed{by} on {some}, accuracy and loss on others. The ranks of units by entropy {told}."


PRESENTATION = Presentation(
    shows=(
        "How alike a unit's maps of one class are, measured as feature entropy, and what happens to the "
        "class as units are removed in this order."
    ),
    reading=(
        "A unit's map is read as a graph whose edges are added one by one, the strongest first. At some level the "
        "graph first has a hole. Feature entropy says how much this level varies over the images of the class. A unit "
        "at the bottom has its first hole at about the same level on every image. Noise has an entropy too: the grey "
        "bands show that of as many maps of independent and of smooth noise. The grey line behind each point is the "
        "range of the unit's own maps with their pixels shuffled. Blue points lie below all their shuffles and below "
        "both bands, and have holes at least as often as smooth noise. Maps with fewer holes are smoother or sparser, "
        "and lie low by chance. The curves remove the units with the lowest entropy first, or last. If the mean "
        "accuracy along the orange line is below that of every random order, entropy has found units that the class "
        "needs."
    ),
    limits=(
        "The vertices of the graph are rows and columns of the map, so the level changes when the picture is shifted "
        "or mirrored. Smooth single blobs have no hole at all: they lower the selective rate. With few holes the "
        "entropy is always low, so points on the left are low by construction. The bands say nothing of them, and the "
        "shuffles say little, because they are not smooth. Smooth noise wraps around at the borders of its maps; "
        "noise that is reflected there lies 0.2 to 0.4 nat higher. Entropies depend on the size of the maps and on "
        "the number of images. So they cannot be compared between layers whose maps differ in size, nor between "
        "classes with different numbers of images. Every order has a steepest fall. The fall is a transition only "
        "where it is steeper than in random orders. With few units left the network names one class for nearly every "
        "image: the curve of that class ends high, though nothing is recognised."
    ),
    draw=_draw,
)
