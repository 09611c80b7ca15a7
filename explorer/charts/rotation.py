"""Charts of the drops of directions in rotated bases, compared with the drops of units."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts import theme

Floats = NDArray[np.floating[Any]]

HEIGHT = 300
_ROW = 46
_BINS = 40
_TURNED = "turned, % of the way to a random rotation"


def means(frame: pd.DataFrame, each: pd.DataFrame, title: str) -> alt.LayerChart:
    """Draw a mean over directions against the rotation of the basis.

    Parameters
    ----------
    frame : DataFrame
        Columns ``turned`` (0 to 100), ``mean``, ``low`` and ``high`` (its interval over rotations, NaN for the units),
        and ``what``: ``measured`` or ``chance``.
    each : DataFrame
        Columns ``turned`` and ``mean``: a row for each rotation.
    title : str
        What is averaged, with its unit of measurement.
    """
    names = {"measured": ("measured", theme.LOSS), "chance": ("by chance", theme.REST)}
    held = [kind for kind in names if (frame["what"] == kind).any()]
    frame = frame.assign(what=frame["what"].map({kind: name for kind, (name, _) in names.items()}))
    scale = alt.Scale(domain=[names[kind][0] for kind in held], range=[names[kind][1] for kind in held])
    legend = alt.Legend(title=None, orient="top", labelFontSize=13, symbolType="stroke", symbolStrokeWidth=3)
    colour = alt.Color("what:N", scale=scale, legend=legend if len(held) > 1 else None)
    x = alt.X("turned:Q", axis=theme.axis(_TURNED, values=sorted(frame["turned"].unique())), scale=_padded())
    y = alt.Y("mean:Q", axis=theme.axis(title), scale=alt.Scale(zero=True))
    tip = [
        alt.Tooltip("what:N", title="mean"),
        alt.Tooltip("turned:Q", title="turned, %"),
        theme.tip("mean:Q", title, format=".3~g"),
        alt.Tooltip("low:Q", title="from", format=".3~g"),
        alt.Tooltip("high:Q", title="to", format=".3~g"),
    ]
    base = alt.Chart(frame)
    ends = base.transform_filter("isValid(datum.low)").mark_rule(strokeWidth=2)
    lines = [
        base.mark_line(strokeWidth=2.5).encode(x=x, y=y, color=colour),
        ends.encode(x=x, y=alt.Y("low:Q"), y2=alt.Y2("high"), color=colour),
        base.mark_circle(size=90, opacity=1).encode(x=x, y=y, color=colour, tooltip=tip),
    ]
    seeds = alt.Chart(each).mark_circle(color=theme.LOSS, opacity=0.35, size=28).encode(x=x, y=y)
    return theme.layered([seeds, *lines], height=HEIGHT)


def _padded() -> alt.Scale:
    return alt.Scale(domain=[0, 100], nice=False, padding=14)


def shares(bases: list[tuple[str, Floats]]) -> pd.DataFrame:
    """Return the share of the directions of each basis that have each value.

    Parameters
    ----------
    bases : list of (str, array)
        Names for readers, and the values of all directions, in percentage points; NaN are left out.

    Returns
    -------
    DataFrame
        Columns ``basis``, ``value`` (the middle of a bin, or the value itself if there are few different values) and
        ``share`` in percent.
    """
    known = [values[~np.isnan(values)] for _, values in bases]
    distinct = np.unique(np.round(np.concatenate(known), 6)) if known else np.empty(0)
    frames = []
    for (name, _), values in zip(bases, known, strict=True):
        place = np.round(values, 6)
        if len(distinct) > _BINS:
            edges = np.linspace(distinct[0], distinct[-1], _BINS + 1)
            middle = (edges[:-1] + edges[1:]) / 2
            place = middle[np.clip(np.searchsorted(edges, values, side="right") - 1, 0, _BINS - 1)]
        found, count = np.unique(place, return_counts=True)
        frames.append(pd.DataFrame({"basis": name, "value": found, "share": 100 * count / max(1, len(values))}))
    return pd.concat(frames)


def circles(frame: pd.DataFrame, title: str) -> alt.LayerChart:
    """Draw a row of circles for each basis; the size of a circle is the share of directions with this value.

    Parameters
    ----------
    frame : DataFrame
        From :func:`shares`. The first basis is that of the units and has a colour of its own.
    title : str
        What the values are, with their unit of measurement.
    """
    names = frame["basis"].unique().tolist()
    units = alt.ColorValue(theme.ACTIVATION, condition={"test": f"datum.basis === '{names[0]}'", "value": theme.LOSS})
    circles = alt.Chart(frame).mark_circle(opacity=0.75)
    encoded = circles.encode(
        x=alt.X("value:Q", axis=theme.axis(title), scale=alt.Scale(padding=12)),
        y=alt.Y("basis:N", sort=names, axis=theme.axis(None, grid=True, labelFontSize=14)),
        size=alt.Size("share:Q", scale=alt.Scale(type="sqrt", domain=[0, 100], range=[12, 1500]), legend=None),
        color=units,
        tooltip=[
            alt.Tooltip("basis:N", title="basis"),
            theme.tip("value:Q", title, format=".3~g"),
            alt.Tooltip("share:Q", title="of its directions, %", format=".1f"),
        ],
    )
    return theme.layered([encoded], height=_ROW * len(names))
