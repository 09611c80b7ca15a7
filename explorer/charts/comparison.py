"""Charts that compare layers of several stores, one row for each layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts import theme
from precompute.measures.comparison import quantiles
from precompute.measures.known import mean_of_known

Floats = NDArray[np.floating[Any]]

_ROW = 52
_BELOW = 19
_BINS = 60


@dataclass(frozen=True, eq=False)
class Row:
    """One layer of one store.

    Parameters
    ----------
    name, store : str
        The row's name, and the store's.
    values : (unit,) array
        One number of every unit; NaN where it is not defined.
    chance : float
        The mean of the values by chance; NaN if it is not known.
    """

    name: str
    store: str
    values: Floats
    chance: float = float("nan")


def distributions(rows: Sequence[Row], title: str) -> alt.LayerChart:
    """Draw a circle for all units with about the same value; below, the quartiles, the mean, and the mean by chance.

    A circle is as large as the number of its units. The mean by chance is a grey bar.

    Parameters
    ----------
    rows : sequence of Row
        From top to bottom.
    title : str
        What the values are, with their unit of measurement.
    """
    names = [row.name for row in rows]
    x = alt.X("value:Q", axis=theme.axis(title), scale=alt.Scale(padding=12))
    y = alt.Y("row:N", sort=names, axis=_names())
    tip = [
        alt.Tooltip("row:N", title="units of"),
        theme.tip("value:Q", title, format=".3~g"),
        alt.Tooltip("units:Q", title="units"),
    ]
    size = alt.Size("units:Q", scale=alt.Scale(type="sqrt", range=[14, 500]), legend=None)
    summary = alt.Chart(_summaries(rows))
    colour = _colours([row.store for row in rows])
    layers = [
        alt.Chart(_circles(rows)).mark_circle(opacity=0.5).encode(x=x, y=y, size=size, color=colour, tooltip=tip),
        summary.mark_rule(strokeWidth=2, color=theme.TEXT, yOffset=_BELOW).encode(
            x=alt.X("low:Q"), x2=alt.X2("high"), y=y
        ),
        _bar(summary, "mean", theme.TEXT, y),
    ]
    if not all(np.isnan(row.chance) for row in rows):
        layers.append(_bar(summary.transform_filter("isValid(datum.chance)"), "chance", theme.REST, y))
    return theme.layered(layers, height=_ROW * len(rows))


def _bar(summary: alt.Chart, field: str, colour: str, y: alt.Y) -> alt.Chart:
    tip = [
        alt.Tooltip("row:N", title="units of"),
        alt.Tooltip("mean:Q", title="mean", format=".3~g"),
        alt.Tooltip("chance:Q", title="mean by chance", format=".3~g"),
        alt.Tooltip("median:Q", title="median", format=".3~g"),
    ]
    bar = summary.mark_tick(thickness=4, size=16, color=colour, yOffset=_BELOW)
    return bar.encode(x=alt.X(f"{field}:Q"), y=y, tooltip=tip)


def _names() -> alt.Axis:
    return theme.axis(None, grid=True, labelFontSize=14, labelLimit=320)


def _colours(stores: Sequence[str]) -> alt.Color:
    names = list(dict.fromkeys(stores))
    shades = [theme.SERIES[place % len(theme.SERIES)] for place in range(len(names))]
    return alt.Color("store:N", scale=alt.Scale(domain=names, range=shades), legend=None)


def _circles(rows: Sequence[Row]) -> pd.DataFrame:
    known = [row.values[~np.isnan(row.values)] for row in rows]
    every = np.concatenate([*known, np.empty(0)])
    width = max(float(np.ptp(every)), 1e-9) / _BINS if every.size else 1.0
    frames = []
    for row, values in zip(rows, known, strict=True):
        _, place, count = np.unique(np.round(values / width), return_inverse=True, return_counts=True)
        mean = np.bincount(place, weights=values, minlength=len(count)) / count
        frames.append(pd.DataFrame({"row": row.name, "store": row.store, "value": mean, "units": count}))
    return pd.concat(frames)


def _summaries(rows: Sequence[Row]) -> pd.DataFrame:
    found = []
    for row in rows:
        low, median, high = quantiles(row.values)
        mean = mean_of_known(row.values)
        found.append({"row": row.name, "low": low, "median": median, "high": high, "mean": mean, "chance": row.chance})
    return pd.DataFrame(found).dropna(subset="mean")


def correlations(frame: pd.DataFrame, title: str) -> alt.LayerChart:
    """Draw a correlation and its interval for each layer of each store.

    Parameters
    ----------
    frame : DataFrame
        Columns ``row``, ``store``, ``r``, ``low`` and ``high``; rows from top to bottom.
    title : str
        The title of the axis: what is correlated with what.
    """
    rows = frame["row"].tolist()
    y = alt.Y("row:N", sort=rows, axis=_names())
    x = alt.X("r:Q", axis=theme.axis(title), scale=alt.Scale(domain=[-1, 1]))
    colour = _colours(frame["store"].tolist())
    base = alt.Chart(frame.dropna(subset="r"))
    tip = [
        alt.Tooltip("row:N", title="units of"),
        alt.Tooltip("r:Q", title="correlation", format=".2f"),
        alt.Tooltip("low:Q", title="from", format=".2f"),
        alt.Tooltip("high:Q", title="to", format=".2f"),
    ]
    zero = alt.Chart(pd.DataFrame({"r": [0.0]})).mark_rule(color=theme.REST, strokeDash=[4, 4]).encode(x=x)
    span = base.mark_rule(strokeWidth=3).encode(x=alt.X("low:Q"), x2=alt.X2("high"), y=y, color=colour)
    point = base.mark_circle(size=130, opacity=1).encode(x=x, y=y, color=colour, tooltip=tip)
    return theme.layered([zero, span, point], height=_ROW * len(rows))
