"""The chart of a number of every unit and of a span to compare the number with."""

import altair as alt
import pandas as pd

from explorer.charts import theme

HEIGHT = 420


def spans(frame: pd.DataFrame, *, up: str, across: str, ends: tuple[str, str]) -> alt.LayerChart:
    """Draw a column for each unit: its value as a dot, the span as a grey bar, the bar's lower end as a line.

    Clicking a dot selects its unit (selection ``pick``, field ``unit``).

    Parameters
    ----------
    frame : DataFrame
        A row a unit, in the order of the columns: ``unit``, ``rank`` (from 1), ``value``, ``low``, ``high``, ``called``
        (whether its dot is coloured) and ``title`` of a class, which may be empty.
    up, across : str
        Titles of the axes.
    ends : pair of str
        What the lower and the upper end of the span are, in words.
    """
    pick = alt.selection_point(name="pick", fields=["unit"], toggle=False)
    x = alt.X(
        "rank:Q",
        axis=theme.axis(across, grid=False, format="d", tickMinStep=1),
        scale=alt.Scale(domain=[0.5, len(frame) + 0.5], nice=False),
    )
    base = alt.Chart(frame)
    wide = max(1.0, min(9.0, 500 / max(1, len(frame))))
    tip = [
        alt.Tooltip("unit:Q", title="unit"),
        theme.tip("value:Q", up, format=".3f"),
        alt.Tooltip("title:N", title="class"),
        theme.tip("low:Q", ends[0], format=".3f"),
        theme.tip("high:Q", ends[1], format=".3f"),
    ]
    scale = alt.Scale(zero=False, padding=10)
    dots = base.mark_point(filled=True, size=55 if wide > 1 else 20, cursor="pointer", opacity=1)
    colour = alt.ColorValue(theme.REST, condition={"test": "datum.called", "value": theme.ACTIVATION})
    bars, lows = _bars(base, wide)
    layers = [
        bars.encode(x=x, y=alt.Y("low:Q", axis=theme.axis(up), scale=scale), y2=alt.Y2("high")),
        lows.encode(x=x, y=alt.Y("low:Q", scale=scale)),
        dots.encode(x=x, y=alt.Y("value:Q", scale=scale), color=colour, tooltip=tip).add_params(pick),
    ]
    return theme.layered(layers, height=HEIGHT, n_marks=3 * len(frame))


def _bars(base: alt.Chart, wide: float) -> tuple[alt.Chart, alt.Chart]:
    """Return bars and their lower ends; if there are too many units for bars, one area for all."""
    if wide > 1:
        bars: alt.Chart = base.mark_rule(color=theme.REST, strokeWidth=wide, opacity=0.45)
        return bars, base.mark_tick(color=theme.REST, orient="horizontal", size=wide + 3, thickness=2)
    area: alt.Chart = base.mark_area(color=theme.REST, interpolate="step", opacity=0.45)
    return area, base.mark_line(color=theme.REST, interpolate="step", strokeWidth=1.5)
