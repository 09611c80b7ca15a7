"""The presentation of ``cumulative``: accuracy as units are removed one after another."""

import numpy as np
import pandas as pd
import streamlit as st

from explorer.charts.cumulative import NAMES, cumulative
from explorer.experiments.presentation import Presentation
from explorer.experiments.transitions import beside_random, span, steepest, transitions, window_said
from explorer.format import number
from explorer.navigate import View
from explorer.widgets.chart import draw_chart
from explorer.widgets.choices import choose, choose_class
from explorer.widgets.html import heading, note, table
from precompute.store.reader import Experiment, Layer

_SCALES = {"accuracy": "Accuracy", "balanced": "Balanced accuracy"}
_OF_CLASS = {"accuracy": "class_accuracy", "balanced": "class_balanced"}
_CHANCE = {"accuracy": 0.0, "balanced": 0.5}
_OWN = ("most", "least")


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    base = f"layers/{layer.name}"
    with st.container(horizontal=True, vertical_alignment="top", gap="medium"):
        scale = choose(view, _SCALES, label="Scale")
        chosen = choose_class(view)
    if chosen is None:
        curve = experiment[f"{base}/{scale}"]
    else:
        curve = experiment.read(f"{base}/{_OF_CLASS[scale]}", np.s_[:, :, chosen])
    ranking, n_removed = experiment[f"{base}/ranking"], experiment[f"{base}/n_removed"]
    of = "all images" if chosen is None else view.titles[chosen]
    if np.isnan(curve).all():
        missing = {"accuracy": "no image of it", "balanced": "no image of it, or no other image"}[scale]
        note(f"There is no {_SCALES[scale].lower()} of {of}: the half of the images that is measured has {missing}.")
        return
    found = transitions(n_removed, ranking, 100 * curve, chance=100 * _CHANCE[scale])
    falls = found[found["ranking"].isin(_OWN) & (found["fall"] > 0)]
    own = None if chosen is None else _for_class(experiment, base, scale, chosen)
    figure, numbers = st.columns([7, 5], gap="large")
    with figure:
        heading(f"{_SCALES[scale]} as units are removed", f"{layer.name}, {of}")
        draw_chart(
            lambda: cumulative(n_removed, ranking, curve, falls, up=_SCALES[scale].lower(), own=own),
            key=f"cumulative_{layer.name}_{scale}_{chosen}",
            says=f"{_SCALES[scale]} of {of} against the number of units of {layer.name} removed, in several orders",
            origin=view.origin(layer.name, "experiment cumulative"),
        )
    with numbers:
        heading("In numbers")
        _numbers(found, "" if scale == "accuracy" else " of what is above chance")
        note(f"{window_said(n_removed)} The line is thick there.")
        if said := beside_random(found, {kind: NAMES[kind] for kind in _OWN}, "area"):
            note(said)
        note(_ranked_by(experiment, view))
        if own is not None:
            _own_numbers(experiment, base, int(chosen or 0))
        _prunability(experiment, base)


def _for_class(experiment: Experiment, base: str, scale: str, chosen: int) -> pd.DataFrame | None:
    """Return the curves of a class as units go in the class's own order; None where it has none."""
    place = _place(experiment, base, chosen)
    if place is None:
        return None
    curve = 100 * experiment.read(f"{base}/class_ranked/{_OF_CLASS[scale]}", np.s_[place])
    steps = experiment[f"{base}/class_ranked/n_removed"]
    ends = [pd.DataFrame({"end": end, "x": steps, "y": y}) for end, y in zip(("most", "least"), curve, strict=True)]
    return pd.concat(ends)


def _place(experiment: Experiment, base: str, chosen: int) -> int | None:
    if f"{base}/class_ranked/class" not in experiment:
        return None
    places = np.flatnonzero(experiment[f"{base}/class_ranked/class"] == chosen)
    return int(places[0]) if len(places) else None


def _own_numbers(experiment: Experiment, base: str, chosen: int) -> None:
    """Show the rows of the published table: balanced accuracy of the class beside accuracy over all images."""
    place, ranked = _place(experiment, base, chosen), f"{base}/class_ranked"
    steps = experiment[f"{ranked}/n_removed"]
    balanced, accuracy = (experiment.read(f"{ranked}/{name}", np.s_[place]) for name in ("class_balanced", "accuracy"))
    n_units = int(steps[-1])
    wanted = [("none", 0, 0), ("4 most important", 0, 4), ("20 most important", 0, 20)]
    wanted.append((f"{n_units - 20} least important", 1, n_units - 20))
    rows = []
    for title, end, n_removed in wanted:
        for step in np.flatnonzero(steps == n_removed)[:1]:
            rows.append([title, *(number(100 * float(each[end, step]), 1) for each in (balanced, accuracy))])
    table(["removed for the class", "balanced accuracy of the class, %", "accuracy of all, %"], rows)


def _prunability(experiment: Experiment, base: str) -> None:
    if f"{base}/prunability" not in experiment:
        return
    at_random = 100 * experiment[f"{base}/prunability"][experiment[f"{base}/ranking"] == "random"]
    low, mean, high = (number(float(end), 0) for end in (at_random.min(), at_random.mean(), at_random.max()))
    note(
        f"Prunability: {mean} % of the units ({low} to {high}) can be removed at random while 80 % of predictions stay."
    )


def _numbers(found: pd.DataFrame, what: str) -> None:
    """Show for each order the area under its curve, the units that it takes to lose half, and the steepest fall."""
    rows = []
    for kind, name in NAMES.items():
        of_kind = found[found["ranking"] == kind]
        rows.append([name, span(of_kind["mean"], 1), span(of_kind["half"], 0), steepest(of_kind)])
    table(["", "area, %", f"units to lose half{what}", "steepest fall, points"], rows)


def _ranked_by(experiment: Experiment, view: View) -> str:
    half = experiment["half"]
    by = experiment.facts.get("options", {}).get("by")
    ranked = f"by the measure {by}" if by else "by the overall drop of each unit alone"
    return (
        f"Ranked {ranked} on {int((half == 0).sum()):,} images, measured on {int((half == 1).sum()):,} others. "
        "The area is the mean of the curve: 100 % would be a layer that can lose all its units."
    )


PRESENTATION = Presentation(
    shows="How accuracy falls as the units of a layer are removed one after another, in order of importance and at "
    "random.",
    reading=(
        "Each line removes the units of the layer one after another and never puts one back. The orange "
        "line starts with the units that matter most when silenced alone, the blue line with those that matter least. "
        "The grey band holds the random orders; its line is their mean. If the area under the orange line is below "
        "that of every random order, units which matter alone also matter together. If the area under the blue line is "
        "above that of every random order, the least important units can go together. A layer whose blue line stays "
        "high holds units that it does not need. Choosing a class adds two lines that rank units for this class "
        "alone, by its balanced accuracy without each of them. They show how few units carry the class, and "
        "how many it can spare. Every order has a steepest fall. The fall is abrupt only where it is steeper than "
        "in random orders."
    ),
    limits=(
        "Units are removed by setting them to zero, which later layers never met in training. The order is "
        "fixed at the start: units that can replace each other look unimportant until one of them is gone. "
        "By chance, balanced accuracy is 50 % and accuracy is one in the number of "
        "classes. So the two are never drawn together, and areas can be compared only within one scale."
    ),
    draw=_draw,
)
