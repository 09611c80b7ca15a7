"""The chart of every unit's largest class drop, and of how large this drop gets by chance."""

import altair as alt
import pandas as pd

from explorer.charts import theme

HEIGHT = 420


def noise_levels(frame: pd.DataFrame) -> alt.LayerChart:
    """Draw for each unit its largest drop as a dot, the drop by chance as a grey bar, its overall drop as a dash.

    Clicking a dot selects its unit (selection ``pick``, field ``unit``).

    Parameters
    ----------
    frame : DataFrame
        A row a unit, in the order of the columns: ``unit``, ``rank`` (from 1), ``drop``, ``expected``, ``ceiling`` and
        ``overall`` in points, ``q``, ``called`` (whether the drop is more than chance) and ``title`` of the class.
    """
    pick = alt.selection_point(name="pick", fields=["unit"], toggle=False)
    x = alt.X(
        "rank:Q",
        axis=theme.axis("units, by their largest class drop", grid=False, format="d", tickMinStep=1),
        scale=alt.Scale(domain=[0.5, len(frame) + 0.5], nice=False),
    )
    base = alt.Chart(frame)
    wide = max(1.0, min(9.0, 500 / max(1, len(frame))))
    overall = base.mark_tick(color=theme.SERIES[3], orient="horizontal", size=wide + 3, thickness=2.5)
    dots = base.mark_point(filled=True, size=55 if wide > 1 else 20, cursor="pointer", opacity=1)
    colour = alt.ColorValue(theme.REST, condition={"test": "datum.called", "value": theme.LOSS})
    layers = [
        *_chance(base, x, wide),
        overall.encode(x=x, y=alt.Y("overall:Q"), tooltip=_tooltip()),
        dots.encode(x=x, y=alt.Y("drop:Q"), color=colour, tooltip=_tooltip()).add_params(pick),
    ]
    return theme.layered(layers, height=HEIGHT, n_marks=4 * len(frame))


def _chance(base: alt.Chart, x: alt.X, wide: float) -> list[alt.Chart]:
    """Draw a bar for each unit; if there are too many units for bars, draw one area for all."""
    up = theme.axis("accuracy lost, points")
    if wide > 1:
        bars: alt.Chart = base.mark_rule(color=theme.REST, strokeWidth=wide, opacity=0.45)
        means: alt.Chart = base.mark_tick(color=theme.REST, orient="horizontal", size=wide + 3, thickness=2)
    else:
        bars = base.mark_area(color=theme.REST, interpolate="step", opacity=0.45)
        means = base.mark_line(color=theme.REST, interpolate="step", strokeWidth=1.5)
    # The lower end is given as zero, because an area or a rule with one end alone would begin elsewhere.
    bars = bars.encode(x=x, y=alt.Y("floor:Q", axis=up), y2=alt.Y2("ceiling"))
    return [bars.transform_calculate(floor="0"), means.encode(x=x, y=alt.Y("expected:Q"))]


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("unit:Q", title="unit"),
        alt.Tooltip("drop:Q", title="largest class drop, points", format=".1f"),
        alt.Tooltip("title:N", title="of class"),
        alt.Tooltip("expected:Q", title="by chance, mean", format=".1f"),
        alt.Tooltip("ceiling:Q", title="by chance, 95 %", format=".1f"),
        alt.Tooltip("q:Q", title="q", format=".2g"),
        alt.Tooltip("overall:Q", title="all classes together, points", format=".2f"),
    ]
