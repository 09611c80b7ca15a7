"""Charts of feature entropy against the selective rate, and of removing units in the order of their entropy."""

import json
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
_CLEAR = 0.06
"""The least distance of two names, as a share of the vertical axis."""
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
        are NaN if they are not shown) and ``beyond`` (whether the entropy stands out from that of shuffles and noise).
    noise : DataFrame
        Columns ``noise``, ``mean``, ``low`` and ``high``, a row for each kind; low and high are NaN if they are not
        shown.
    up : str
        Title of the vertical axis.
    """
    x_scale = alt.Scale(domain=[0, 100], nice=False, padding=10)
    x = alt.X("rate:Q", axis=theme.axis("selective rate: images on which the map has a hole, %"), scale=x_scale)
    y = alt.Y("entropy:Q", axis=None, scale=alt.Scale(zero=True))
    pick = alt.selection_point(name="pick", fields=["unit"], toggle=False)
    points = alt.Chart(frame).mark_circle(cursor="pointer", opacity=0.9, size=70)
    colour = alt.ColorValue(theme.REST, condition={"test": "datum.beyond", "value": theme.ACTIVATION})
    tip = [
        alt.Tooltip("unit:Q", title="unit"),
        alt.Tooltip("entropy:Q", title="feature entropy", format=".2f"),
        alt.Tooltip("rate:Q", title="selective rate, %", format=".0f"),
        alt.Tooltip("mean:Q", title="its maps shuffled", format=".2f"),
        alt.Tooltip("low:Q", title="from", format=".2f"),
        alt.Tooltip("high:Q", title="to", format=".2f"),
    ]
    ranges = alt.Chart(frame).transform_filter("isValid(datum.low)").mark_rule(color=theme.FAINT, strokeWidth=2)
    heights = np.array([*frame["entropy"], *frame["high"], *noise["mean"], *noise["high"]], dtype=float)
    top = max(heights[np.isfinite(heights)], default=1.0)
    drawn = theme.layered(
        [
            *_levels(noise, theme.axis(up), top),
            ranges.encode(x=x, y=alt.Y("low:Q", axis=None), y2=alt.Y2("high")),
            points.encode(x=x, y=y, color=colour, tooltip=tip).add_params(pick),
        ],
        height=HEIGHT,
    )
    # The names of the noise are an axis of their own, at the right; all layers share the scale.
    drawn.resolve = alt.Resolve(axis=alt.AxisResolveMap(y="independent"))
    return drawn


def _levels(noise: pd.DataFrame, y_axis: alt.Axis, top: float) -> list[alt.Chart]:
    """Draw each kind of noise as a band with its mean, and its name outside of the plot, where no point lies over it.

    ``top`` is the upper end of the vertical axis. Only the first axis of a chart has a grid, so the bands, which are
    drawn first, have the usual axis.
    """
    base = alt.Chart(noise)
    bands = base.transform_filter("isValid(datum.low)").mark_rect(color=theme.REST, opacity=0.16)
    return [
        bands.encode(y=alt.Y("low:Q", axis=y_axis), y2=alt.Y2("high")),
        base.mark_rule(color=theme.REST, strokeDash=[5, 4]).encode(y=alt.Y("mean:Q", axis=_names_axis(noise, top))),
    ]


def _names_axis(noise: pd.DataFrame, top: float) -> alt.Axis:
    """Return an axis at the right that names every kind of noise at its mean; names that would meet are moved apart."""
    ordered = noise[noise["mean"].notna()].sort_values("mean")
    heights: list[float] = []
    for mean in ordered["mean"]:
        heights.append(max(float(mean), heights[-1] + _CLEAR * top) if heights else float(mean))
    names = [json.dumps(theme.safe_title(name)) for name in ordered["noise"]]
    # Labels are told apart by their place in the list, from 0 to 1; that of a single label is not defined.
    last = max(1, len(names) - 1)
    words = "".join(f"round(datum.index * {last}) == {place} ? {name} : " for place, name in enumerate(names[:-1]))
    quiet = {"grid": False, "labelOverlap": False, "labelLimit": 0}
    return theme.axis(None, orient="right", values=heights, labelExpr=words + (names or ["''"])[-1], **quiet)


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
