"""The presentation of ``selectivity``: how selective units are for classes, beside what shuffled labels give."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from explorer import drop_test, navigate
from explorer.charts.spans import spans
from explorer.experiments.presentation import Presentation
from explorer.format import count, median, number, significant
from explorer.measure_display import index_titles
from explorer.measure_help import help_markdown
from explorer.navigate import View
from explorer.widgets.chart import draw_chart
from explorer.widgets.choices import choose, choose_class
from explorer.widgets.html import heading, marks, note, table
from explorer.widgets.number_table import number_column
from explorer.widgets.unit_table import unit_table
from precompute.measures.detection import best_area_by_chance
from precompute.measures.table import measure_row
from precompute.store.reader import Experiment, Layer

Floats = NDArray[np.floating[Any]]


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    base = f"layers/{layer.name}"
    names = [str(name) for name in experiment[f"{base}/chance/measure"]]
    labels = {name: measure_row(name).label for name in names}
    name = choose(view, labels, label="Measure", help_of=lambda name: help_markdown(measure_row(name)))
    figure, numbers = st.columns([7, 5], gap="large")
    with figure:
        heading(f"{labels[name]} of every unit, and chance", f"{layer.name}; click a dot to look at its unit")
        marks(
            ("us-dot us-of-activation", f"more than chance (q ≤ {drop_test.CALLED:g})"),
            ("us-dot", "not told from chance"),
            ("us-bar", "with shuffled labels: from the mean, a line, up to 95 %"),
        )
        _figure(view, layer, experiment, name)
    with numbers:
        heading("In numbers")
        _numbers(experiment, base, labels)
        _trivial(view, names)
        _shared(layer, experiment, base)
    _table(view, layer, experiment)


def _figure(view: View, layer: Layer, experiment: Experiment, name: str) -> None:
    chance = {part: values[:, _column(experiment, layer, name)] for part, values in _chance(experiment, layer).items()}
    frame = pd.DataFrame(
        {
            "unit": np.arange(layer.n_units),
            "value": chance["observed"],
            "low": chance["expected"],
            "high": chance["ceiling"],
            "called": chance["q"] <= drop_test.CALLED,
            "title": _titles(view, layer, measure_row(name).of_class),
        }
    )
    shown = frame[frame["value"].notna()].sort_values("value", ascending=False, kind="stable")
    if shown.empty:
        note("It is not defined for any unit of this layer.")
        return
    shown = shown.assign(rank=np.arange(1, len(shown) + 1))
    label = measure_row(name).label
    across, ends = f"units, by {label[:1].lower()}{label[1:]}", ("by chance, mean", "by chance, 95 %")
    draw_chart(
        lambda: spans(shown, up=label, across=across, ends=ends),
        key=f"selectivity_{layer.name}_{name}",
        says=f"{label} of each unit beside what shuffled labels give",
        origin=view.origin(layer.name, "experiment selectivity"),
        on_pick=lambda dot: navigate.open_unit(view, layer, dot["unit"]),
    )


def _chance(experiment: Experiment, layer: Layer) -> dict[str, Floats]:
    base = f"layers/{layer.name}/chance"
    return {part: experiment[f"{base}/{part}"] for part in ("observed", "expected", "ceiling", "p", "q")}


def _column(experiment: Experiment, layer: Layer, name: str) -> int:
    return [str(held) for held in experiment[f"layers/{layer.name}/chance/measure"]].index(name)


def _titles(view: View, layer: Layer, measure: str | None) -> list[str]:
    """Return the title of the class that a measure names for every unit; dashes where it names none."""
    if measure is None or measure not in layer.measures:
        return ["–"] * layer.n_units
    return index_titles(layer.measures[measure], view.store)


def _numbers(experiment: Experiment, base: str, labels: dict[str, str]) -> None:
    """Show for each measure how many units are told from chance, and its median beside that by chance."""
    parts = {part: experiment[f"{base}/chance/{part}"] for part in ("observed", "expected", "q")}
    rows = []
    for column, label in enumerate(labels.values()):
        observed, expected, q = (values[:, column] for values in parts.values())
        n_units = int((~np.isnan(observed)).sum())
        cells = (f"{int((q <= drop_test.CALLED).sum())} of {n_units}", median(observed), median(expected))
        rows.append([label, *cells])
    table(["", "more than chance", "median", "by chance"], rows)


def _trivial(view: View, names: list[str]) -> None:
    """Say what scores a detector has that knows nothing; where a store lacks the scores, say how to compute them."""
    if "best_f1" not in names:
        note(
            "An earlier version made this, without average precision and F1, which pass sanity tests that AUC and "
            "precision fail. Run the experiment again: `python -m precompute experiment selectivity "
            f"{view.source.quoted}`"
        )
        return
    share = np.bincount(view.store.images.label).max() / max(1, len(view.store.images))
    note(
        f"For the largest class, a detector that always says yes has a precision of {significant(share, 2)} and an F1 "
        f"of {significant(2 * share / (1 + share), 2)}."
    )


def _shared(layer: Layer, experiment: Experiment, base: str) -> None:
    """Say how many components explain the variance of the units: the fewer, the more the units have in common."""
    held = dict(zip(experiment[f"{base}/components/share"], experiment[f"{base}/components/n_components"], strict=True))
    said = ", ".join(f"{100 * share:.0f} % by {count(int(n), 'component')}" for share, n in held.items())
    note(f"The variance of the {count(layer.n_units, 'unit')} over the images is explained to {said}.")


def _table(view: View, layer: Layer, experiment: Experiment) -> None:
    heading("Every unit", "the most selective first; click a class to look at it, any other cell to look at its unit")
    chosen = choose_class(view)
    frame = _frame(view, layer, experiment, chosen)
    by = "selectivity" if chosen is None else "auc"
    ordered = frame.sort_values(by, ascending=False, kind="stable").reset_index(drop=True)
    key = f"selectivity_units_{layer.name}_{chosen}"
    unit_table(view, layer, ordered, _COLUMNS, key=key, classes=["title"])
    if chosen is not None:
        note(_of_class_by_chance(view, layer, chosen))


def _of_class_by_chance(view: View, layer: Layer, chosen: int) -> str:
    """Say how large the best area of the chosen class is by chance, and that the others have no such level."""
    label = np.asarray(view.store.images.label)
    n_of_class = int((label == chosen).sum())
    best = best_area_by_chance(n_of_class, len(label), layer.n_units)
    there = f"{'is' if n_of_class == 1 else 'are'} {count(n_of_class, 'image')}"
    return (
        f"AP, F1, AUC and precision are of {view.titles[chosen]}, of which there {there}. By chance, "
        f"the largest AUC of {count(layer.n_units, 'unit')} stays below {number(best, 2)} in 95 % of cases. The other "
        "three have no level for a class that is chosen."
    )


def _frame(view: View, layer: Layer, experiment: Experiment, chosen: int | None) -> pd.DataFrame:
    """Return a row for each unit; where a class is chosen, with how well the unit finds this class."""
    base, held = f"layers/{layer.name}", layer.measures
    chance = _chance(experiment, layer)
    names = [str(name) for name in experiment[f"{base}/chance/measure"]]
    of = {name: chance["observed"][:, column] for column, name in enumerate(names)}
    detection = {column: of[name] for column, name in _DETECTION.items() if name in of}
    if chosen is not None:
        detection = {column: experiment.read(f"{base}/{column}", np.s_[:, chosen]) for column in detection}
    without_chance = ("silent_fraction", "hoyer", "lifetime_sparsity", "redundancy")
    return pd.DataFrame(
        {
            "unit": np.arange(layer.n_units),
            "title": _titles(view, layer, "selective_class"),
            "selectivity": of["class_selectivity"],
            "held_out": of["class_selectivity_held_out"],
            "q": chance["q"][:, names.index("class_selectivity_held_out")],
            "information": of["mutual_information"],
            **detection,
            **{name: held[name].values for name in without_chance if name in held},
            "closest": experiment[f"{base}/closest_unit"],
            "closest_r": experiment[f"{base}/closest_r"],
        }
    )


_DETECTION = {
    "average_precision": "average_precision",
    "f1": "best_f1",
    "auc": "one_against_rest",
    "precision": "precision_at_k",
}
"""Columns on how well a unit finds a class, and the measures that they hold where no class is chosen."""

_COLUMNS: dict[str, Any] = {
    "unit": st.column_config.NumberColumn("Unit", width=60, pinned=True),
    "title": st.column_config.TextColumn("Prefers", help="class of the largest mean activation"),
    "selectivity": number_column("Selectivity", "class selectivity on all images"),
    "held_out": number_column("held out", "of the class chosen on the other half of the images"),
    "q": number_column("q", "false discovery rate of the held-out selectivity, over the units of the layer", "%.2g"),
    "information": number_column("Information, bits", "mutual information of activation and class"),
    "average_precision": number_column(
        "AP", "average precision for a class chosen on the other half of the images, or for the class chosen above"
    ),
    "f1": number_column(
        "F1", "with the threshold chosen on one half of the images and F1 read on the other; class as for AP"
    ),
    "auc": number_column(
        "AUC", "how often an image of the class drives the unit more than another image; best class, or the chosen one"
    ),
    "precision": number_column("Precision", "share of the class among the images that drive the unit most; as for AUC"),
    "silent_fraction": number_column("Silent", "share of the images on which the map is zero everywhere"),
    "hoyer": number_column("Hoyer", "sparsity over the images"),
    "lifetime_sparsity": number_column("Lifetime", "lifetime sparsity over the images"),
    "redundancy": number_column("Like it", "other units with |r| of at least 0.5", "%d"),
    "closest": number_column("Closest", "the unit that correlates most, positively or negatively", "%d"),
    "closest_r": number_column("r", "with the closest unit"),
}

PRESENTATION = Presentation(
    shows=(
        "How selective each unit is for classes, by several measures, beside the same measures with shuffled labels."
    ),
    reading=(
        "Each column is a unit. Its dot is the measure. The grey bar is what the same activations give with "
        "shuffled labels, from the mean to the level that 95 of 100 shuffles stay below. The largest of "
        "many class means is large by chance, so class selectivity is above zero even for a unit that prefers "
        "nothing; the more rarely the unit is active, the larger it is. Held-out selectivity takes the "
        "class from one half of the images and the index from the other; by chance it is about zero. Mutual "
        "information also sees units that tell groups of classes apart and prefer no single one. The other measures "
        "say how well the unit alone would find its best class. Of these, average precision and F1 are the "
        "sound ones. Published sanity tests (Oikarinen, Yan and Weng 2025) demand that a score falls when "
        "labels of the class are taken away or wrong ones are added. Of 18 measures only correlation, "
        "cosine, average precision, F1 and intersection over union passed. AUC and the precision of the "
        "strongest images need not fall: read them beside the sound measures, not in their place. For "
        "average precision and F1 the class and the threshold are chosen on one half of the images. The score is read "
        "on the other half. Then the halves change places."
    ),
    limits=(
        "Selectivity describes what drives a unit, not what the network needs it for: it is neither "
        "necessary nor sufficient for that (Leavitt and Morcos). It also looks better than the hit and "
        "false-alarm rates of the same unit. Where a layer goes below zero, selectivity and sparsity are "
        "computed from the positive part. Sparsity and redundancy have no chance level here. Two units with a high "
        "correlation do similar things on these images. That does not mean that the network can spare one "
        "of them: the experiment “Cumulative ablation” tells what removing several units costs."
    ),
    draw=_draw,
)
