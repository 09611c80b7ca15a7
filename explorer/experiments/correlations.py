"""The presentation of ``correlations``: which measures correlate with drops, and how much of that is chance."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from explorer.charts.correlations import correlation_rows
from explorer.csv_text import csv_of
from explorer.experiments.presentation import Presentation
from explorer.format import number, significant
from explorer.navigate import View
from explorer.widgets.ablation_choice import choose_ablation
from explorer.widgets.chart import draw_chart
from explorer.widgets.choices import choose
from explorer.widgets.html import heading, note
from explorer.widgets.number_table import csv_button, number_column, number_table
from precompute.store.reader import Experiment, Layer

Tables = dict[str, NDArray[Any]]

_TABLE_HEIGHT = 460
_BEYOND = 0.05
_RELIABLE = 0.3
_TABLES = (
    "n_units",
    *(f"{way}{end}" for way in ("pearson", "spearman", "partial") for end in ("", "_low", "_high")),
    *(f"chance{end}" for end in ("", "_low", "_high", "_p")),
    "disjoint",
    "disattenuated",
)
_ENDS = (
    *(f"{name}_{end}" for name in ("disjoint", "disattenuated") for end in ("low", "high")),
    *(f"{name}_chance{end}" for name in ("partial", "disjoint") for end in ("_low", "_high", "_p")),
)
"""What older stores do not hold."""


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    choose_ablation(view, layer)
    base = f"layers/{layer.name}/ablation/{_kind(view, layer, experiment)}"
    if f"{base}/chance_p" not in experiment:
        note("An earlier version made this, without chance levels. Run the experiment again.")
        return
    targets, measures = (experiment[f"{base}/{name}"].tolist() for name in ("target", "measure"))
    if not measures:
        note("There is no measure to compare with drops.")
        return
    tables = {name: experiment[f"{base}/{name}"] for name in _TABLES}
    nothing = np.full_like(tables["disjoint"], np.nan)
    tables |= {name: experiment.get(f"{base}/{name}", nothing) for name in _ENDS}
    labels = {name: _label(layer, name) for name in targets}
    target = choose(view, {targets[1]: labels[targets[1]], **labels}, label="Against")
    column = targets.index(target)
    order = _order(tables, column)
    if len(order) == 0:
        note("No measure varies over the living units of this layer, or no drop does: there is nothing to correlate.")
        return
    names = [_label(layer, name) for name in measures]
    heading("Rank correlation with the drop", f"over the units of {layer.name}")
    panels = _panels(tables, names, order, labels=list(labels.values()), column=column)
    key = f"correlations_{base}_{target}"
    draw_chart(
        lambda: correlation_rows(panels, panels["panel"].unique().tolist()),
        key=key,
        says=f"Rank correlation of each measure with {labels[target]}, by chance, and with other things held fixed",
        origin=view.origin(layer.name, "experiment correlations"),
    )
    note(_legend(tables, older=f"{base}/partial_chance_p" not in experiment))
    heading("In numbers", labels[target])
    _table(view, _frame(tables, names, order, column, experiment, base), key=key)
    note(_reliability(experiment, base, column))


def _kind(view: View, layer: Layer, experiment: Experiment) -> str:
    """Return the chosen kind of ablation if the experiment has it, otherwise the first kind that it has."""
    wanted = (view.selection.ablation, *layer.ablations)
    held = [kind for kind in wanted if f"layers/{layer.name}/ablation/{kind}/target" in experiment]
    return held[0] if held else view.selection.ablation


def _label(layer: Layer, name: str) -> str:
    return layer.measures[name].label if name in layer.measures else name


def _order(tables: Tables, column: int) -> NDArray[np.integer[Any]]:
    """Return the rows of the measures that have a correlation, the strongest first."""
    strength = np.abs(tables["spearman"][:, column])
    ordered = np.argsort(-np.where(np.isnan(strength), -1, strength), kind="stable")
    return ordered[~np.isnan(strength[ordered])]


def _panels(
    tables: Tables, names: list[str], order: NDArray[np.integer[Any]], *, labels: list[str], column: int
) -> pd.DataFrame:
    """Return the rows of all panels: overall drop, chosen drop, and the chosen drop in two more careful ways."""
    overall = [_as_it_stands(tables, 0, labels[0])] if column else []
    ways = {"same flip rate and activity": "partial", "different images": "disjoint"}
    careful = [_carefully(tables, way, column, title) for title, way in ways.items()]
    parts = [*overall, _as_it_stands(tables, column, labels[column]), *careful]
    rows = pd.DataFrame({"row": np.arange(len(names)), "label": names})
    return pd.concat(
        [pd.concat([rows, part], axis=1).iloc[order].assign(n=tables["n_units"][order, column]) for part in parts]
    )


def _as_it_stands(tables: Tables, column: int, title: str) -> pd.DataFrame:
    """Return the panel of the correlation as it stands, in colour where chance alone would rarely give it."""
    part = _panel(title, tables, "spearman", "chance", column)
    return part.assign(other=tables["pearson"][:, column])


def _carefully(tables: Tables, way: str, column: int, title: str) -> pd.DataFrame:
    """Return a panel that claims more: in colour only where the interval leaves out zero too.

    Zero is not the chance level of the largest drop there. Of units with as many changed answers, those whose changes
    fall on few classes lose more of a class by coins alone, on other images too.
    """
    part = _panel(title, tables, way, f"{way}_chance", column)
    return part.assign(strong=part["strong"] & ((part["low"] > 0) | (part["high"] < 0)))


def _panel(title: str, tables: Tables, way: str, chance: str, column: int) -> pd.DataFrame:
    """Return a way of correlating beside what coins give; without coins nothing is claimed."""
    p = tables[f"{chance}_p"][:, column]
    said = [
        "" if np.isnan(share) else f"chance is as far from its mean in {significant(100 * share, 2)} % of cases"
        for share in p
    ]
    named = {"r": way, "low": f"{way}_low", "high": f"{way}_high"}
    named |= {"null_low": f"{chance}_low", "null_high": f"{chance}_high"}
    numbers = {name: tables[table][:, column] for name, table in named.items()}
    return pd.DataFrame({"panel": title, **numbers, "strong": p <= _BEYOND, "other": np.nan, "said": said})


def _legend(tables: Tables, *, older: bool) -> str:
    nothing = " An earlier version made this: without coins in these two, nothing there is blue." if older else ""
    return (
        f"Up to {number(float(tables['n_units'].max()), 0)} units, dead ones left out. Dot: Spearman's rank "
        "correlation, with its 95 % bootstrap interval; diamond: Pearson's. Grey bar: 95 % of the correlations that "
        "arise when a coin decides whether each changed answer is lost or gained. Blue: the coins give it in fewer "
        f"than 5 % of cases. In the last two panels its interval leaves out zero too.{nothing}"
    )


def _frame(
    tables: Tables,
    names: list[str],
    order: NDArray[np.integer[Any]],
    column: int,
    experiment: Experiment,
    base: str,
) -> pd.DataFrame:
    values = {name: table[order, column] for name, table in tables.items()}
    return pd.DataFrame(
        {
            "label": [names[row] for row in order],
            **values,
            "reliability": experiment[f"{base}/measure_reliability"][order],
            "circular": experiment[f"{base}/circular"][order] == 1,
        }
    )


def _table(view: View, frame: pd.DataFrame, *, key: str) -> None:
    height = min(_TABLE_HEIGHT, 35 * (len(frame) + 1) + 3)
    number_table(frame, _COLUMNS, key=f"{key}_numbers", height=height)
    csv_button(lambda: csv_of(frame), name=view.origin().slug(key), key=f"{key}_csv")


def _reliability(experiment: Experiment, base: str, column: int) -> str:
    value = float(experiment[f"{base}/target_reliability"][column])
    if np.isnan(value):
        return "It is not known how similar this drop would be on other images."
    low = " On other images other units would come first. Expect weak correlations, and rely on none of them."
    return f"Split-half reliability of the drop over units: {number(value, 2)}.{low if value < _RELIABLE else ''}"


_COLUMNS: dict[str, Any] = {
    "label": st.column_config.TextColumn("Measure", pinned=True),
    "n_units": number_column("Units", "number of units that have the measure and the drop", "%d"),
    "spearman": number_column("Spearman", "rank correlation"),
    "spearman_low": number_column("from", "95 % bootstrap interval over units"),
    "spearman_high": number_column("to", "95 % bootstrap interval over units"),
    "chance": number_column("By chance", "mean, if a coin decides whether each changed answer is lost or gained"),
    "chance_low": number_column("from", "95 % of chance"),
    "chance_high": number_column("to", "95 % of chance"),
    "chance_p": number_column("p", "in how many cases chance is as far from its mean", "%.3f"),
    "partial": number_column("Partial", "Spearman with flip rate and mean activity held fixed"),
    "partial_low": number_column("from", "95 % bootstrap interval"),
    "partial_high": number_column("to", "95 % bootstrap interval"),
    "partial_chance_low": number_column("by chance from", "95 % of chance, with both held fixed"),
    "partial_chance_high": number_column("to", "95 % of chance, with both held fixed"),
    "partial_chance_p": number_column("p", "in how many cases chance is as far from its mean", "%.3f"),
    "disjoint": number_column("Different images", "measure on one half, drop on the other, both ways"),
    "disjoint_low": number_column("from", "95 % bootstrap interval over units"),
    "disjoint_high": number_column("to", "95 % bootstrap interval over units"),
    "disjoint_chance_low": number_column("by chance from", "95 % of chance, on different images"),
    "disjoint_chance_high": number_column("to", "95 % of chance, on different images"),
    "disjoint_chance_p": number_column("p", "in how many cases chance is as far from its mean", "%.3f"),
    "disattenuated": number_column(
        "Without noise", "on different images, divided by the root of both split-half reliabilities"
    ),
    "disattenuated_low": number_column("from", "95 %, both reliabilities taken as exact"),
    "disattenuated_high": number_column("to", "95 %, both reliabilities taken as exact"),
    "reliability": number_column("Reliability", "of the measure over units, split half"),
    "circular": st.column_config.CheckboxColumn("Circular", help="computed from the same answers as the drop"),
    "pearson": number_column("Pearson", "correlation"),
    "pearson_low": number_column("from", "95 % bootstrap interval"),
    "pearson_high": number_column("to", "95 % bootstrap interval"),
}

PRESENTATION = Presentation(
    shows=(
        "Which measures of a unit correlate with its drops, overall and for the class that loses most, and how "
        "much correlation chance alone gives."
    ),
    reading=(
        "Each row is a measure. In the panels of a drop, a dot to the right of zero means that units with "
        "more of the measure cost more when they are silenced. The grey bar shows where the dot would be if "
        "a coin decided whether each changed answer is lost or gained. This bar often lies far from zero, "
        "because any measure that correlates with the number of changed answers correlates with the largest "
        "drop too. Zhou et al. say that class selectivity correlates with the largest class drop and hardly "
        "with the overall drop. Believe it here only if three things hold. The dot of the largest drop "
        "is outside its bar. It is so too when flip rate and activity are held fixed. And it is so "
        "when measure and drop come from different images. Quote Spearman's correlation, "
        "because drops have heavy tails and many ties. Where Pearson's is far from it, a few units make the "
        "difference."
    ),
    limits=(
        "These are correlations over the units of one layer, of one network, on one set of images; layers "
        "are never pooled. The coins describe a layer in which no unit matters to any class. A dot outside "
        "the bar rejects that; it does not show that the measure is the cause. One row in twenty is blue by "
        "chance. The number of flips does not push up the held-out drop and the drop "
        "above chance, but these two are noisier. Correlations without noise depend on how far the two halves of the "
        "images agree, and are rough where they hardly agree. A measure marked circular is computed from the same "
        "answers as the drops: for such a measure, read only the correlation of the overall or the held-out drop from "
        "different images."
    ),
    draw=_draw,
)
