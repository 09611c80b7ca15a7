"""The presentation of ``dissection``: concepts that units overlap with, beside what chance gives."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from explorer import navigate
from explorer.charts.dissection import detected, overlaps
from explorer.concept_scores import FLOOR, Dissection
from explorer.experiments.presentation import Presentation
from explorer.format import count, number
from explorer.navigate import View
from explorer.widgets.chart import draw_chart
from explorer.widgets.html import heading, note, table, with_small
from explorer.widgets.number_table import number_column
from explorer.widgets.unit_table import unit_table
from precompute.measures.iou import detectors
from precompute.measures.seeds import further_margin
from precompute.store.reader import Experiment, Layer

_MOST_CONCEPTS = 20


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    found = Dissection.of(experiment, layer.name)
    units, ranked = _by_unit(found), _by_concept(found)
    left, right = st.columns([7, 5], gap="large")
    with left:
        heading("The best concept of every unit", "grey: what chance reaches; click a point")
        draw_chart(
            lambda: overlaps(units, floor=100 * FLOOR),
            key=f"dissection_{layer.name}",
            says=f"Intersection over union of every unit of {layer.name} with its best concept, and the same by chance",
            origin=view.origin(layer.name, "experiment dissection"),
            on_pick=lambda point: navigate.open_unit(view, layer, point["unit"]),
        )
    with right:
        heading("What is detected", f"intersection over union above {100 * FLOOR:g} %")
        _detected(view, ranked, layer)
    numbers, table = st.columns([5, 7], gap="large")
    with numbers:
        heading("Detectors by category")
        _categories(found)
        note(_looked_at(experiment, found))
    with table:
        heading("All units", "click a heading to sort, a cell to look at its unit")
        _table(view, layer, found)


# By unit


def _by_unit(found: Dissection) -> pd.DataFrame:
    iou = found.found.iou
    order = np.flatnonzero(~np.isnan(iou))
    order = order[np.argsort(-iou[order], kind="stable")]
    concept = found.found.concept[order].astype(int)
    return pd.DataFrame(
        {
            "place": np.arange(1, len(order) + 1),
            "unit": order,
            "concept": [found.names[each] for each in concept],
            "category": [found.categories[each] for each in concept],
            "iou": 100 * iou[order],
            "chance": 100 * found.chance.mean(axis=0)[order],
            "ceiling": 100 * found.ceiling[order],
        }
    )


def _table(view: View, layer: Layer, found: Dissection) -> None:
    units = range(layer.n_units)
    frame = pd.DataFrame(
        {
            "unit": units,
            "concept": [found.best(unit) for unit in units],
            "iou": 100 * found.found.iou,
            "ceiling": 100 * found.ceiling,
            "second": [found.second(unit) for unit in units],
            "threshold": found.threshold,
        }
    )
    unit_table(view, layer, frame, _COLUMNS, key=f"dissection_table_{layer.name}")


_COLUMNS: dict[str, Any] = {
    "unit": st.column_config.NumberColumn("Unit", width=60, pinned=True),
    "concept": st.column_config.TextColumn("Best concept"),
    "iou": number_column("IoU, %", "intersection over union with it", "%.1f"),
    "ceiling": number_column("By chance, %", "the highest of the shuffles", "%.1f"),
    "second": st.column_config.TextColumn("Second best"),
    "threshold": number_column("Active above", "the unit's threshold", "%.3g"),
}


# By concept


def _by_concept(found: Dissection) -> pd.DataFrame:
    """Return a row for each detected concept, by category; within a category those with most detectors first."""
    detected_by: dict[int, list[int]] = {}
    for unit in np.flatnonzero(found.found.detects).tolist():
        detected_by.setdefault(int(found.found.concept[unit]), []).append(unit)
    rows = [
        {
            "concept": found.names[concept],
            "category": found.categories[concept],
            "units": len(units),
            "which": ", ".join(map(str, units)),
        }
        for concept, units in detected_by.items()
    ]
    frame = pd.DataFrame(rows, columns=["concept", "category", "units", "which"])
    return frame.sort_values(["category", "units"], ascending=[True, False], kind="stable")


def _detected(view: View, ranked: pd.DataFrame, layer: Layer) -> None:
    if ranked.empty:
        note("No unit reaches that with any concept.")
        return
    shown = ranked.nlargest(_MOST_CONCEPTS, "units").sort_values(
        ["category", "units"], ascending=[True, False], kind="stable"
    )
    draw_chart(
        lambda: detected(shown),
        key=f"detected_{layer.name}",
        says=f"How many units of {layer.name} detect each concept",
        origin=view.origin(layer.name, "experiment dissection"),
    )
    if len(ranked) > len(shown):
        note(f"The {len(shown)} concepts with most detectors of {count(len(ranked), 'concept')}.")


def _categories(found: Dissection) -> None:
    """Show how many detectors and different concepts every category has, and how many detectors chance gives."""
    by_chance = _detectors_by_chance(found)
    of = np.array(found.categories)
    best, detects = found.found.concept, found.found.detects
    rows = []
    for category in dict.fromkeys(found.categories):
        members = np.flatnonzero(of == category)
        mine = best[detects & np.isin(best, members)]
        rows.append((category, len(members), int(found.in_reach[members].sum()), len(mine), len(np.unique(mine))))
    total = ("all", len(of), int(found.in_reach.sum()), int(detects.sum()), found.found.n_unique)
    counted = [[name, *(f"{each:,}" for each in counts)] for name, *counts in [*rows, total]]
    rotated = [with_small("rotated", f"mean of {len(found.rotated_iou)}"), "", ""]
    rotated += [number(each, 1) for each in found.of_rotations()]
    table(["", "concepts", "in reach", "detectors", "unique"], [*counted, rotated])
    beyond = int((detects & (found.found.iou > found.ceiling)).sum())
    undefined = int(np.isnan(found.threshold).sum())
    note(
        f"Chance alone gives {number(by_chance, 1)} detectors. {count(beyond, 'detector')} of "
        f"{int(detects.sum())} overlap more with their concept than with the best concept of any shuffle of the masks. "
        f"By chance, one unit in {len(found.chance) + 1} does."
    )
    note(_difference(found))
    if undefined:
        note(f"Left out: {count(undefined, 'unit')} active at too few positions, or saturated at too many.")


def _difference(found: Dissection) -> str:
    """Say how many more concepts units detect than random directions; if none, how many more would have shown."""
    own, rotations = found.found.n_unique, found.unique_of_rotations()
    # Half a concept more, because the numbers are whole: rotations that happen to agree do not prove a difference.
    mean, margin = float(rotations.mean()), float(further_margin(rotations)) + 0.5
    if np.isnan(margin):
        return "One rotation cannot tell units from random directions."
    far = number(margin, 1)
    said = (
        f"Units detect {count(own, 'different concept')}, directions of a rotated basis {number(mean, 1)} on average. "
        f"One more random rotation would lie within {far} of that average with a probability of 95 %"
    )
    if abs(own - mean) > margin:
        return f"{said}."
    return f"{said}. No difference is shown; a difference of {far} concepts would have been."


def _detectors_by_chance(found: Dissection) -> float:
    """Return the mean number of detectors in the shuffles."""
    return float(detectors(found.chance.reshape(-1, 1), floor=FLOOR).detects.sum() / len(found.chance))


def _looked_at(experiment: Experiment, found: Dissection) -> str:
    images, masks = experiment["folder"].tolist()
    if "used" in experiment:
        whose = f"{count(int(experiment['used'].sum()), 'image')} of the store"
    else:
        whose = f"images in {images}, which are not the store's"
    smallest, largest = (f"{100 * min(1.0, share):.3g} %" for share in (FLOOR * found.quantile, found.quantile / FLOOR))
    return (
        f"A unit is active above its threshold, which at most {100 * found.quantile:g} % of all positions exceed. In "
        f"reach: concepts that cover between {smallest} and {largest} of all positions; no unit can overlap enough "
        f"with any other concept. Masks from {masks}, over {whose}."
    )


PRESENTATION = Presentation(
    shows="Which concepts, marked in pictures, lie where each unit is most active.",
    reading=(
        "Each unit is compared with every concept by intersection over union: the positions where both are, divided by "
        "the positions where either is, over all pictures together. Only its best concept counts. Above "
        f"{100 * FLOOR:g} % the unit is called a detector of it. A unit far above the grey overlaps with its concept "
        "much better than with the places that concepts have in other pictures. In the literature the score of a layer "
        "is the number of different concepts detected. “Rotated” is the same number for random directions of the "
        "layer's space in place of units. Where units detect no more than these directions, no advantage of units is "
        "shown; the text below the numbers says how large a difference would have been shown."
    ),
    limits=(
        "The network need not use a detector: the unit's ablation tells what it is good for. A unit "
        "that is active at few positions cannot overlap much with a concept that covers far more or far less. The text "
        "below the numbers says how many positions that are. So large things such as backgrounds are out of reach, "
        "and values can be compared only within one concept. The best of many concepts is large by chance "
        "too; therefore the grey is the best of all concepts over shuffled masks. Concepts that always come "
        "together cannot be told apart. A concept that nobody marked cannot be found."
    ),
    draw=_draw,
)
