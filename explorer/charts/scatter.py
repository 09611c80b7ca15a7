"""The chart of all units of a layer over two measures."""

import altair as alt
import pandas as pd

from explorer.charts import theme

HEIGHT = 460
MOST_DASHES = 60
"""Up to this many units, each has its dashes; with more units, only the unit under the pointer."""


def scatter(
    frame: pd.DataFrame, x_label: str, y_label: str, *, x_chance: str = "", y_chance: str = "", shade: str = ""
) -> alt.LayerChart:
    """Draw a point for each unit.

    Clicking a point selects its unit (selection ``pick``, field ``unit``); dragging selects a box (selection ``box``,
    its ends along ``x`` and ``y``): Vega-Lite has no free-hand selection.

    Parameters
    ----------
    frame : DataFrame
        Columns ``unit``, ``x``, ``y``, ``sees`` (title of the preferred class) and ``chosen`` (whether this class is
        the chosen one); ``x_chance`` and ``y_chance``, the levels of chance, if the parameters of these names are not
        empty. The caller leaves out rows without a value on one of the axes.
    x_label, y_label : str
        Titles of the axes.
    x_chance, y_chance : str
        What the levels of chance are, in words; each level is drawn as a dash across its axis. Empty if there is none.
    shade : str
        The label of the column ``shade``, which colours the points and has a value for each; empty for no such column.
    """
    pick = alt.selection_point(name="pick", fields=["unit"], toggle=False)
    box = alt.selection_interval(name="box", encodings=["x", "y"], zoom=False)
    hover = alt.selection_point(name="hover", fields=["unit"], on="pointerover", clear="pointerout", empty=False)
    any_chosen = bool(frame["chosen"].any())
    strong = alt.ColorValue(theme.REST, condition={"test": "datum.chosen", "value": theme.ACTIVATION})
    points = alt.Chart(frame).mark_circle(cursor="pointer", opacity=0.8)
    x = alt.X("x:Q", axis=theme.axis(x_label), scale=_scale(frame["x"]))
    encoded = points.encode(
        x=x,
        y=alt.Y("y:Q", axis=theme.axis(y_label), scale=_scale(frame["y"])),
        size=alt.SizeValue(80, condition={"param": "hover", "empty": False, "value": 220}),
        color=_shades(shade) if shade else strong if any_chosen else alt.ColorValue(theme.ACTIVATION),
        tooltip=[
            alt.Tooltip("unit:Q", title="unit"),
            alt.Tooltip("sees:N", title="highest mean"),
            *_tip("x", x_label, x_chance),
            *_tip("y", y_label, y_chance),
            *([theme.tip("shade:Q", shade, format=".3g")] if shade else []),
        ],
    ).add_params(pick, hover, box)
    base = alt.Chart(frame)
    if len(frame) > MOST_DASHES:
        base = base.transform_filter({"param": "hover", "empty": False})
    dashes: list[alt.Chart] = []
    if x_chance:
        upright = base.mark_tick(color=theme.REST, orient="vertical", size=10, thickness=1.5, opacity=0.7)
        dashes.append(upright.encode(x=alt.X("x_chance:Q"), y=alt.Y("y:Q")))
    if y_chance:
        level = base.mark_tick(color=theme.REST, orient="horizontal", size=12, thickness=2)
        dashes.append(level.encode(x=x, y=alt.Y("y_chance:Q")))
    return theme.layered(
        [*dashes, encoded], height=HEIGHT, n_marks=len(frame) * (1 + len(dashes) * (len(frame) <= MOST_DASHES))
    )


def _shades(label: str) -> alt.Color:
    scale = alt.Scale(range=[theme.REST, theme.LOSS], interpolate="rgb")
    legend = alt.Legend(title=theme.safe_title(label), orient="top", direction="horizontal", gradientLength=200)
    return alt.Color("shade:Q", scale=scale, legend=legend)


def _scale(values: pd.Series) -> alt.Scale:
    """Return the scale of an axis; around a single value it extends to both sides, or no label would make sense."""
    scale = alt.Scale(zero=False, padding=12)
    if values.nunique() == 1:
        only = float(values.iloc[0])
        around = abs(only) / 2 or 1.0
        scale.domain = [only - around, only + around]
    return scale


def _tip(axis: str, label: str, chance: str) -> list[alt.Tooltip]:
    own = theme.tip(f"{axis}:Q", label, format=".3g")
    return [own, theme.tip(f"{axis}_chance:Q", chance, format=".3g")] if chance else [own]
