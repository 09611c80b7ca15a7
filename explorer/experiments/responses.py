"""The presentation of ``responses``: how units correlate with class probabilities, and how often they are zero."""

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from explorer import navigate
from explorer.charts.spans import spans
from explorer.experiments.presentation import Presentation
from explorer.format import count, number
from explorer.measure_display import index_titles
from explorer.navigate import View
from explorer.widgets.chart import draw_chart
from explorer.widgets.choices import choose_class
from explorer.widgets.html import heading, marks, note, table
from explorer.widgets.number_table import number_column
from explorer.widgets.unit_table import unit_table
from precompute.store.reader import Experiment, Layer


def _draw(view: View, layer: Layer, experiment: Experiment) -> None:
    frame = _frame(view, layer, experiment)
    shown = frame[frame["value"].notna()].sort_values("value", ascending=False, kind="stable")
    figure, numbers = st.columns([7, 5], gap="large")
    with figure:
        heading("Class correlation of every unit", f"{layer.name}; click a dot to look at its unit")
        marks(
            ("us-dot us-of-activation", "best class, above its 95 % by chance"),
            ("us-dot", "not told from chance"),
            ("us-bar", "between either half of the images"),
        )
        if shown.empty:
            note("No unit of this layer varies over the images.")
        else:
            _figure(view, layer, shown.assign(rank=np.arange(1, len(shown) + 1)))
    with numbers:
        heading("In numbers")
        _numbers(frame)
        used = int((experiment["half"] >= 0).sum())
        note(f"Over {used:,} images. The activation is the unit's maximum over space.")
        if frame["shuffled"].isna().all() and not shown.empty:
            note("Their chance level was not computed, so no dot is told from chance.")
        elif not shown.empty:
            note(
                f"{int(frame['called'].sum()):,} of {count(len(shown), 'unit')} lie above their 95 %. By chance up to "
                f"{number(0.05 * len(shown), 1)} would: there is no correction for how many units there are."
            )
    _table(view, layer, experiment, frame)


def _figure(view: View, layer: Layer, shown: pd.DataFrame) -> None:
    draw_chart(
        lambda: spans(
            shown, up="class correlation", across="units, by class correlation", ends=("lower half", "higher half")
        ),
        key=f"responses_{layer.name}",
        says="Class correlation of each unit with its best class",
        origin=view.origin(layer.name, "experiment responses"),
        on_pick=lambda dot: navigate.open_unit(view, layer, dot["unit"]),
    )


def _frame(view: View, layer: Layer, experiment: Experiment) -> pd.DataFrame:
    held = layer.measures
    halves = experiment[f"layers/{layer.name}/by_half/value"][:, :, 0]

    # Older stores do not hold it.
    shuffled = experiment.get(f"layers/{layer.name}/shuffled_highest", np.full(layer.n_units, np.nan))
    return pd.DataFrame(
        {
            "unit": np.arange(layer.n_units),
            "value": held["class_correlation"].values,
            "shuffled": shuffled,
            "low": halves.min(axis=1),
            "high": halves.max(axis=1),
            "called": held["class_correlation"].values > shuffled,
            "title": index_titles(held["class_correlation_class"], view.store),
            "zeros": held["zero_fraction"].values,
        }
    )


def _numbers(frame: pd.DataFrame) -> None:
    of = {
        "class correlation": frame["value"],
        "the same by chance, 95 %": frame["shuffled"],
        "fraction of zeros": frame["zeros"],
    }
    rows = [
        [name, *(number(float(value), 2) for value in values.quantile([0.25, 0.5, 0.75]))]
        for name, values in of.items()
    ]
    table(["over units", "lower quartile", "median", "upper quartile"], rows)


def _table(view: View, layer: Layer, experiment: Experiment, frame: pd.DataFrame) -> None:
    heading("Every unit", "the strongest first; click a class to look at it, any other cell to look at its unit")
    chosen = choose_class(view)
    base = f"layers/{layer.name}"
    ways = {"of_max": "max_correlation", "of_mean": "mean_correlation"}
    if chosen is None:
        tables = {name: experiment[f"{base}/{path}"] for name, path in ways.items()}
        columns = {name: np.where(np.isnan(t), -2, t).max(axis=1) for name, t in tables.items()}
        columns = {name: np.where(values < -1, np.nan, values) for name, values in columns.items()}
    else:
        columns = {name: experiment.read(f"{base}/{path}", np.s_[:, chosen]) for name, path in ways.items()}
    ordered = frame.assign(**columns).sort_values("of_max", ascending=False, kind="stable").reset_index(drop=True)
    key = f"responses_units_{layer.name}_{chosen}"
    unit_table(view, layer, ordered, _COLUMNS, key=key, classes=["title"])


_COLUMNS: dict[str, Any] = {
    "unit": st.column_config.NumberColumn("Unit", width=60, pinned=True),
    "title": st.column_config.TextColumn("Best class"),
    "of_max": number_column("Correlation", "of the maximum over space, with the best class or the one chosen"),
    "shuffled": number_column(
        "By chance, 95 %", "highest of 19 shuffles of the activations over the images; the best class"
    ),
    "of_mean": number_column("of the mean", "of the mean over space, with the best class or the one chosen"),
    "low": number_column("lower half", "the largest over classes on one half of the images"),
    "high": number_column("higher half", "the largest over classes on the other half"),
    "zeros": number_column("Zeros", "fraction of zeros over images and positions (APoZ)"),
}

PRESENTATION = Presentation(
    shows=(
        "How strongly each unit's activation correlates with the probability that the network gives a "
        "class, and how often the unit is zero."
    ),
    reading=(
        "Each column is a unit. Its dot is the largest correlation, over the classes, of the unit's "
        "activation with the network's probability of the class. The grey bar spans the largest "
        "correlation on each half of the images, which may be with another class on either. A unit near 1 "
        "is active exactly when the network gives its class a high probability. The fraction of zeros, over "
        "images and positions, says how often a unit after a ReLU is off."
    ),
    limits=(
        "The probability is the network's own: a unit may correlate with a class that the image does not "
        "show. The correlation uses the same answers that drops are counted on, so it is no evidence of "
        "what silencing does. The experiment on measures against drops takes the two from different images. "
        "Images of a class have many things in common. A unit that responds to one of these correlates with the "
        "class."
    ),
    draw=_draw,
)
