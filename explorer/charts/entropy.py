"""Charts of feature entropy against the selective rate, and of removing units in the order of their entropy."""

from collections.abc import Hashable, Mapping
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts import theme
from explorer.charts.curves import curves, steep

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

HEIGHT = 340
_CLEAR = 10
_CURVE_HEIGHT = 280

NAMES = {
    "lowest": "lowest entropy first",
    "highest": "highest entropy first",
    "random": "random orders: mean and range",
}
COLOURS = {"lowest": theme.LOSS, "highest": theme.ACTIVATION, "random": theme.REST}


def entropies(frame: pd.DataFrame, noise: pd.DataFrame, *, up: str) -> alt.LayerChart:
    """Draw a point for each unit with the range of its own shuffled maps, over the levels of noise.

    Clicking a point selects its unit (selection ``pick``, field ``unit``).

    Parameters
    ----------
    frame : DataFrame
        Columns ``unit``, ``rate`` (percent), ``entropy``, ``low``, ``mean`` and ``high`` (of the shuffles; low and high
        are NaN if they are not shown) and ``below`` (whether the entropy is below that of every shuffle).
    noise : DataFrame
        Columns ``noise``, ``mean``, ``low`` and ``high``, a row for each kind; low and high are NaN if they are not
        shown.
    up : str
        Title of the vertical axis.
    """
    y_axis, x_scale = theme.axis(up), alt.Scale(domain=[0, 100], nice=False, padding=10)
    x = alt.X("rate:Q", axis=theme.axis("selective rate: images on which the map has a hole, %"), scale=x_scale)
    y = alt.Y("entropy:Q", axis=y_axis, scale=alt.Scale(zero=True))
    pick = alt.selection_point(name="pick", fields=["unit"], toggle=False)
    points = alt.Chart(frame).mark_circle(cursor="pointer", opacity=0.9, size=70)
    colour = alt.ColorValue(theme.REST, condition={"test": "datum.below", "value": theme.ACTIVATION})
    tip = [
        alt.Tooltip("unit:Q", title="unit"),
        alt.Tooltip("entropy:Q", title="feature entropy", format=".2f"),
        alt.Tooltip("rate:Q", title="selective rate, %", format=".0f"),
        alt.Tooltip("mean:Q", title="its maps shuffled", format=".2f"),
        alt.Tooltip("low:Q", title="from", format=".2f"),
        alt.Tooltip("high:Q", title="to", format=".2f"),
    ]
    ranges = alt.Chart(frame).transform_filter("isValid(datum.low)").mark_rule(color=theme.FAINT, strokeWidth=2)
    return theme.layered(
        [
            *_levels(noise, y_axis),
            ranges.encode(x=x, y=alt.Y("low:Q", axis=y_axis), y2=alt.Y2("high")),
            points.encode(x=x, y=y, color=colour, tooltip=tip).add_params(pick),
        ],
        height=HEIGHT,
    )


def _levels(noise: pd.DataFrame, y_axis: alt.Axis) -> list[alt.Chart]:
    """Draw each kind of noise as a band with its mean; the higher one has its name above, the lower one below."""
    base = alt.Chart(noise)
    bands = base.transform_filter("isValid(datum.low)").mark_rect(color=theme.REST, opacity=0.16)
    found = [
        bands.encode(y=alt.Y("low:Q", axis=y_axis), y2=alt.Y2("high")),
        base.mark_rule(color=theme.REST, strokeDash=[5, 4]).encode(y=alt.Y("mean:Q", axis=y_axis)),
    ]
    ordered = noise.sort_values("mean", ascending=False)
    sides: tuple[tuple[pd.DataFrame, str, float, theme.Align, int], ...] = (
        (ordered.iloc[:1], "high", 0.005, "left", -_CLEAR),
        (ordered.iloc[1:], "low", 0.995, "right", _CLEAR),
    )
    for named, end, across, align, away in sides:
        text = theme.words(alt.Chart(named.assign(edge=named[end].fillna(named["mean"]))), align)
        text.mark.dy = away
        found.append(text.encode(x=theme.at(across), y=alt.Y("edge:Q"), text=alt.Text("noise:N")))
    return found


def removal(n_removed: Ints, ranking: NDArray[Any], curve: Floats, falls: pd.DataFrame, *, up: str) -> alt.LayerChart:
    """Draw a curve for each order by entropy with its transition marked, and the random orders as a band.

    Parameters
    ----------
    n_removed : (step,) integer array
        How many units are removed.
    ranking : (order,) array of str
        ``lowest``, ``highest`` or ``random``.
    curve : (order, step) array
        The values along the vertical axis.
    falls : DataFrame
        A row for each of the two orders: ``ranking``, ``fall`` (the steepest fall of accuracy, in points), ``start``
        and ``stop`` (numbers of units removed where the fall begins and ends) and ``half`` (where half of the accuracy
        is gone, or NaN).
    up : str
        Title of the vertical axis.
    """
    at_random = curve[ranking == "random"]
    lines = {kind: curve[ranking == kind].mean(axis=0) for kind in NAMES if (ranking == kind).any()}
    frame = pd.concat([pd.DataFrame({"curve": NAMES[kind], "x": n_removed, "y": line}) for kind, line in lines.items()])
    band = pd.DataFrame({"x": n_removed, "low": at_random.min(axis=0), "high": at_random.max(axis=0)})
    over: list[alt.Chart] = []
    for kind, fall in falls.set_index("ranking").to_dict("index").items():
        over += _marks(frame[frame["curve"] == NAMES[str(kind)]], fall, COLOURS[str(kind)])
    domain = (0.0, max(float(np.nanmax(band["high"])), float(frame["y"].max())))
    domain = (0.0, 100.0) if up.endswith("%") else domain
    colours = [COLOURS[kind] for kind in lines]
    drawn = curves(frame, colours, across="units removed", up=up, band=band, domain=domain, over=over)
    drawn.height = _CURVE_HEIGHT
    return drawn


def _marks(line: pd.DataFrame, fall: Mapping[Hashable, Any], colour: str) -> list[alt.Chart]:
    """Draw the steepest part of a line as a thick line, and a ring where half of the accuracy is gone."""
    ring = alt.Chart(line[line["x"] == fall["half"]]).mark_point(color=colour, size=130, strokeWidth=2.5, filled=False)
    tip = alt.Tooltip("x:Q", title="half is gone, units removed")
    return [steep(line, fall, colour), ring.encode(x=alt.X("x:Q"), y=alt.Y("y:Q"), tooltip=tip)]
