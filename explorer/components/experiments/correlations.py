"""Which measures of a unit go with what its ablation costs."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from explorer.catalogue import in_order
from explorer.charts.correlations import correlation_rows
from explorer.components.ablation import choose_ablation
from explorer.components.chart import chart
from explorer.components.experiments.choices import choose
from explorer.components.experiments.presentation import Presentation
from explorer.components.html import heading, note
from explorer.navigate import View
from explorer.shown import option
from explorer.text import number
from precompute.measures.table import is_drop
from precompute.store.reader import Experiment, Layer

_TABLE_HEIGHT = 460
_WORDS = {"spearman": "Spearman", "pearson": "Pearson", "low": "from", "high": "to", "n": "units"}


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    choose_ablation(view, layer)
    base = f"layers/{layer.name}/ablation/{_kind(view, layer, experiment)}"
    targets = experiment[f"{base}/target"].tolist()
    frame = _frame(layer, experiment, base)
    if frame.empty:
        note("There are no two measures to hold against each other.")
        return
    labels = {name: _label(layer, name) for name in targets}
    heading("Rank correlation with each drop", f"over the units of {layer.name}; the line is a 95 % bootstrap interval")
    drawn = frame[frame["measure"] != frame["name"]].assign(target=lambda rows: rows["name"].map(labels))
    chart(
        lambda: correlation_rows(drawn, list(labels.values())),
        key=f"correlations_{base}",
        says="Rank correlation of each measure with the overall drop and with the largest class drop",
    )
    note(_legend(drawn))
    heading("In numbers")
    name = choose(view, labels, label="Against")
    _table(frame[(frame["name"] == name) & (frame["measure"] != name)])


def _kind(view: View, layer: Layer, experiment: Experiment) -> str:
    """Return the kind of ablation that is looked at, or the first that the experiment has."""
    wanted = (view.selection.ablation, *layer.ablations)
    held = [kind for kind in wanted if f"layers/{layer.name}/ablation/{kind}/target" in experiment]
    return held[0] if held else view.selection.ablation


def _label(layer: Layer, name: str) -> str:
    return layer.measures[name].label if name in layer.measures else name


def _frame(layer: Layer, experiment: Experiment, base: str) -> pd.DataFrame:
    """Put a row for each measure and target, with all numbers that there are: the strongest measures first."""
    measures, targets = experiment[f"{base}/measure"].tolist(), experiment[f"{base}/target"].tolist()
    shape = (len(measures), len(targets))
    names = [path.removeprefix(f"{base}/") for path in experiment if path.startswith(f"{base}/")]
    tables = {name: experiment[f"{base}/{name}"] for name in names}
    numbers = {
        name: table.ravel() for name, table in tables.items() if table.shape == shape and table.dtype.kind != "U"
    }
    held = layer.measures
    frame = pd.DataFrame(
        {
            "measure": np.repeat(measures, len(targets)),
            "name": np.tile(targets, len(measures)),
            "label": np.repeat([option(held[name]) if name in held else name for name in measures], len(targets)),
            "own": np.repeat([_is_own(layer, name) for name in measures], len(targets)),
            **numbers,
        }
    ).rename(columns={"n_units": "n", "spearman_null_low": "null_low", "spearman_null_high": "null_high"})
    return _ordered(frame, layer)


def _is_own(layer: Layer, name: str) -> bool:
    """Whether a measure is more than another reading of the same ablation."""
    held = layer.measures.get(name)
    return not is_drop(name) and (held is None or held.experiment != "statistics")


def _ordered(frame: pd.DataFrame, layer: Layer) -> pd.DataFrame:
    """Sort by the strongest rank correlation with the last drop, what comes of the same ablation last."""
    if frame.empty:
        return frame
    place = {measure.name: at for at, measure in enumerate(in_order(layer))}
    last = frame[frame["name"] == frame["name"].iloc[-1]].set_index("measure")["spearman"]
    keys = frame.assign(
        quiet=~frame["own"], strength=-frame["measure"].map(last).fillna(0).abs(), place=frame["measure"].map(place)
    )
    ordered = frame.loc[keys.sort_values(["quiet", "strength", "place"], kind="stable").index]
    return ordered[ordered["spearman"].notna()].assign(row=lambda rows: rows["measure"])


def _legend(frame: pd.DataFrame) -> str:
    n_units = frame["n"].max() if "n" in frame else 0
    chance = " Grey band: 95 % of what chance gives." if "null_low" in frame else ""
    return (
        f"Up to {number(float(n_units), 0)} units, dead ones left out. Dot: Spearman's rank correlation; diamond: "
        "Pearson's. Blue: measures of the unit itself, the strongest first; grey: other numbers of the same ablation, "
        f"which go with the drop by their making.{chance}"
    )


def _table(frame: pd.DataFrame) -> None:
    skipped = {"measure", "name", "label", "own", "row", "target"}
    first = ["n", "spearman", "spearman_low", "spearman_high", "pearson", "pearson_low", "pearson_high"]
    numbers = [name for name in first if name in frame]
    numbers += [str(name) for name in frame.columns if name not in {*skipped, *first}]
    columns: dict[str, Any] = {"label": st.column_config.TextColumn("Measure", pinned=True)}
    columns |= {name: st.column_config.NumberColumn(_title(name), format=_spelling(frame, name)) for name in numbers}
    height = min(_TABLE_HEIGHT, 35 * (len(frame) + 1) + 3)
    st.dataframe(frame[list(columns)], hide_index=True, height=height, column_config=columns)


def _title(name: str) -> str:
    if name.endswith(("_low", "_high")):
        return _WORDS[name.rsplit("_", 1)[1]]
    return _WORDS.get(name, name.replace("_", " "))


def _spelling(frame: pd.DataFrame, name: str) -> str:
    return "%d" if frame[name].dtype.kind in "iu" else "%.2f"


PRESENTATION = Presentation(
    name="correlations",
    shows="Which measures of a unit go with what is lost without it, over all classes together and for the class hit "
    "hardest.",
    reading=(
        "Each row is a measure, each panel a drop. A dot to the right of zero means that units with more of the "
        "measure cost more when they are silenced; where the line crosses zero, these units are too few to tell the "
        "direction. Zhou et al. find that class selectivity and other measures predict the damage to single classes "
        "well and that to all classes together badly: compare the two dots of a row. Spearman's correlation is the one "
        "to quote, for drops have heavy tails and many ties; where Pearson's lies far from it, a few units make it."
    ),
    limits=(
        "Correlation over the units of one layer, of one network, on one set of images. A measure that goes with how "
        "many answers change at all also goes with the largest drop, which is large by chance where many change. "
        "The interval comes from drawing units anew; it says nothing about other images, on which drops of little "
        "reliability would correlate less with anything."
    ),
    draw=_draw,
)
