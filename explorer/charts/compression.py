"""Charts of the accuracy while units are removed one by one, and of the units that are selective for colour."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts import theme
from explorer.charts.curves import curves

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

NAMES = {
    "greedy": "greedy",
    "drop": "drop alone",
    "class_selectivity": "class selectivity",
    "l1_norm": "L1 norm",
    "random": "random",
}
COLOURS = {"greedy": theme.LOSS, "drop": theme.ACTIVATION, "class_selectivity": theme.GAIN, "l1_norm": "#9575cd"}
STRIP = 90


def compression(n_removed: Ints, ranking: NDArray[Any], accuracy: Floats) -> alt.LayerChart:
    """Draw the accuracy along the greedy order and the orders fixed in advance; random orders as a band and their mean.

    Parameters
    ----------
    n_removed : (step,) integer array
        How many units are removed.
    ranking : (order,) array of str
        ``greedy``, a measure, or ``random``.
    accuracy : (order, step) array
        Fractions.
    """
    lines = {kind: 100 * accuracy[ranking == kind].mean(axis=0) for kind in NAMES if (ranking == kind).any()}
    frame = pd.concat([pd.DataFrame({"curve": NAMES[kind], "x": n_removed, "y": line}) for kind, line in lines.items()])
    at_random = 100 * accuracy[ranking == "random"]
    band = pd.DataFrame({"x": n_removed, "low": at_random.min(axis=0), "high": at_random.max(axis=0)})
    colours = [COLOURS.get(kind, theme.REST) for kind in lines]
    return curves(frame, colours, across="units removed", up="accuracy, %", band=band, domain=(0, 100))


def colour_strip(index: Floats, threshold: float) -> alt.LayerChart:
    """Draw the colour selectivity of every unit in the order of removal, and the threshold.

    Parameters
    ----------
    index : (unit,) array
        Colour selectivity, in the order of removal; NaN is left out.
    threshold : float
        A unit with a higher value counts as selective for colour.
    """
    frame = pd.DataFrame({"place": np.arange(1, len(index) + 1), "y": index})
    frame["sort"] = np.where(frame["y"] > threshold, "colour", "shape")
    x = alt.X("place:Q", axis=theme.axis("place in the greedy order"), scale=alt.Scale(nice=False))
    y = alt.Y("y:Q", axis=theme.axis("colour selectivity"))
    scale = alt.Scale(domain=["colour", "shape"], range=[theme.LOSS, theme.REST])
    colour = alt.Color("sort:N", scale=scale, legend=None)
    tip = [alt.Tooltip("place:Q", title="place"), alt.Tooltip("y:Q", title="colour selectivity", format=".2f")]
    points = alt.Chart(frame.dropna()).mark_circle(size=60, opacity=0.9).encode(x=x, y=y, color=colour, tooltip=tip)
    line = alt.Chart(pd.DataFrame({"y": [threshold]})).mark_rule(color=theme.REST, strokeDash=[4, 4])
    return theme.layered([line.encode(y=alt.Y("y:Q")), points], height=2 * STRIP)
