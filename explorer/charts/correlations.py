"""The chart of correlations between measures and drops: a row for each measure, a panel for each way of correlating."""

from collections.abc import Sequence
from textwrap import wrap

import altair as alt
import pandas as pd

from explorer.charts import theme

# Shares of the width: names end at the first, panels begin at the second, the third is the gap between panels.
_NAMES, _FROM, _GAP = 0.24, 0.265, 0.04
_TITLE = 20


def correlation_rows(frame: pd.DataFrame, panels: Sequence[str]) -> alt.LayerChart:
    """Draw correlations as dots on their intervals, in front of the intervals that chance gives.

    Parameters
    ----------
    frame : DataFrame
        A row for each measure and panel, the measures in order: ``row`` (names the line), ``label``, ``panel``,
        ``strong`` (whether it stands out, in colour), ``r``, ``low`` and ``high``, ``other`` (a second correlation, a
        diamond), ``null_low`` and ``null_high`` (the interval by chance), ``said`` (text that the tooltip adds) and
        ``n`` (number of units). NaN where a number does not exist.
    panels : sequence of str
        The titles of the panels, from left to right.
    """
    order = frame["row"].unique().tolist()
    y = alt.Y("row:N", sort=order, scale=alt.Scale(domain=order), axis=None)
    names = frame.drop_duplicates("row")
    text = theme.words(alt.Chart(names), "right", room=f"width*{_NAMES - 0.01:.2f}")
    layers = [text.encode(x=theme.at(_NAMES), y=y, text=alt.Text("label:N"))]
    wide = (1 - _FROM - _GAP * (len(panels) - 1)) / len(panels)
    for place, panel in enumerate(panels):
        start = _FROM + place * (wide + _GAP)
        layers += _panel(frame[frame["panel"] == panel], y, (start, start + wide), panel)
    return theme.layered(layers, height=theme.ROW * len(order), own_x=True)


def _panel(frame: pd.DataFrame, y: alt.Y, ends: tuple[float, float], title: str) -> list[alt.Chart]:
    tip = _tooltip()
    colour = alt.ColorValue(theme.REST, condition={"test": "datum.strong", "value": theme.ACTIVATION})
    axis = theme.axis(wrap(title, _TITLE), orient="top", values=[-1, 0, 1], titleLimit=0)
    zero = alt.Chart(pd.DataFrame({"zero": [0]})).mark_rule(color=theme.REST, strokeWidth=1)
    chance = alt.Chart(frame[frame["null_low"].notna()]).mark_rule(color=theme.REST, strokeWidth=13, opacity=0.35)
    interval = alt.Chart(frame[frame["low"].notna()]).mark_rule(strokeWidth=2)
    other = alt.Chart(frame[frame["other"].notna()]).mark_point(shape="diamond", size=36, filled=False)
    dots = alt.Chart(frame[frame["r"].notna()]).mark_circle(size=75, opacity=1)
    return [
        zero.encode(x=_x("zero", ends)),
        chance.encode(x=_x("null_low", ends), x2=alt.X2("null_high"), y=y),
        interval.encode(x=_x("low", ends), x2=alt.X2("high"), y=y, color=colour, tooltip=tip),
        other.encode(x=_x("other", ends), y=y, color=alt.ColorValue(theme.REST), tooltip=tip),
        dots.encode(x=_x("r", ends, axis), y=y, color=colour, tooltip=tip),
    ]


def _x(field: str, ends: tuple[float, float], axis: alt.Axis | None = None) -> alt.X:
    places = [alt.ExprRef(f"width*{end:.4f}") for end in ends]
    return alt.X(f"{field}:Q", scale=alt.Scale(domain=[-1, 1], range=places, nice=False, clamp=True), axis=axis)


def _tooltip() -> list[alt.Tooltip]:
    numbers = (
        ("r", "Spearman"),
        ("low", "95 % from"),
        ("high", "to"),
        ("null_low", "by chance, 95 % from"),
        ("null_high", "to"),
    )
    return [
        alt.Tooltip("label:N", title="measure"),
        alt.Tooltip("panel:N", title="against"),
        *(theme.tip(f"{field}:Q", title, format=".2f") for field, title in numbers),
        alt.Tooltip("said:N", title=" "),
        alt.Tooltip("n:Q", title="units"),
    ]
