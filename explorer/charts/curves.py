"""The chart of curves that change while units are removed, with the band of random orders."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from explorer.charts import theme

HEIGHT = 400
_MOST_POINTS = 150


def curves(
    frame: pd.DataFrame,
    colours: Sequence[str],
    *,
    across: str,
    up: str,
    band: pd.DataFrame | None = None,
    domain: tuple[float, float] | None = None,
    over: Sequence[alt.Chart] = (),
) -> alt.LayerChart:
    """Draw a line for each curve, with a legend on top and the values under the pointer.

    Parameters
    ----------
    frame : DataFrame
        Columns ``curve`` (its name for readers), ``x`` and ``y``; the curves in the order of the legend.
    colours : sequence of str
        A colour for each curve, in the same order; see :data:`explorer.charts.theme.SERIES`.
    across, up : str
        Titles of the axes.
    band : DataFrame, optional
        Columns ``x``, ``low`` and ``high``: the range of random orders, drawn grey behind the curves.
    domain : pair of float, optional
        Ends of the vertical axis; by default the curves decide them.
    over : sequence of Chart
        Marks on the curves, which use the fields ``x`` and ``y``.
    """
    names = frame["curve"].unique().tolist()
    scale = alt.Scale(domain=names, range=list(colours))
    legend = theme.legend(names)
    legend.symbolType, legend.symbolStrokeWidth = "stroke", 3
    colour = alt.Color("curve:N", scale=scale, sort=names, legend=legend)
    x = alt.X("x:Q", axis=theme.axis(across), scale=alt.Scale(nice=False))
    ends = alt.Scale(zero=False) if domain is None else alt.Scale(domain=list(domain), nice=False)
    y = alt.Y("y:Q", axis=theme.axis(up), scale=ends)
    lines = alt.Chart(frame).mark_line(strokeWidth=2.5).encode(x=x, y=y, color=colour)
    behind = [] if band is None else [_band(band, x, ends)]
    return theme.layered([*behind, lines, _pointed(frame, x, y, across=across, up=up), *over], height=HEIGHT)


def steep(line: pd.DataFrame, fall: Mapping[Hashable, Any], colour: str) -> alt.Chart:
    """Draw the steepest part of a line as a thick line.

    Parameters
    ----------
    line : DataFrame
        Columns ``x`` and ``y``.
    fall : mapping
        ``start`` and ``stop``, the positions where the fall begins and ends, and ``fall``, its depth in points.
    colour : str
        The colour of the line.
    """
    part = line[line["x"].between(fall["start"], fall["stop"])]
    thick = alt.Chart(part.assign(**{name: fall[name] for name in ("fall", "start", "stop")}))
    tip = [
        alt.Tooltip("fall:Q", title="steepest fall, points", format=".1f"),
        alt.Tooltip("start:Q", title="from, units removed"),
        alt.Tooltip("stop:Q", title="to"),
    ]
    return thick.mark_line(color=colour, strokeWidth=7, opacity=0.55).encode(
        x=alt.X("x:Q"), y=alt.Y("y:Q"), tooltip=tip
    )


def _band(band: pd.DataFrame, x: alt.X, scale: alt.Scale) -> alt.Chart:
    area = alt.Chart(band).mark_area(color=theme.REST, opacity=0.28)
    return area.encode(x=x, y=alt.Y("low:Q", scale=scale), y2=alt.Y2("high"))


def _pointed(frame: pd.DataFrame, x: alt.X, y: alt.Y, *, across: str, up: str) -> alt.Chart:
    """Draw wide invisible points over the lines, because a line is too thin to point at."""
    steps = frame.groupby("curve", sort=False).cumcount()
    every = max(1, int(steps.max() + 1) // _MOST_POINTS) if len(frame) else 1
    points = alt.Chart(frame[steps % every == 0]).mark_circle(opacity=0, size=150)
    tip = [
        alt.Tooltip("curve:N", title="curve"),
        theme.tip("x:Q", across, format=",.4~g"),
        theme.tip("y:Q", up, format=".1f"),
    ]
    return points.encode(x=x, y=y, tooltip=tip)
