"""The chart of accuracy against the number of units removed."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.charts import theme
from explorer.charts.curves import curves, steep

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

NAMES = {"most": "most important first", "least": "least important first", "random": "random orders: mean and range"}
COLOURS = {"most": theme.LOSS, "least": theme.ACTIVATION, "random": theme.REST}


OWN = {"most": "most for the class first", "least": "least for the class first"}
OWN_COLOURS = {"most": "#9575cd", "least": theme.GAIN}


def cumulative(
    n_removed: Ints,
    ranking: NDArray[Any],
    curve: Floats,
    falls: pd.DataFrame,
    *,
    up: str,
    own: pd.DataFrame | None = None,
) -> alt.LayerChart:
    """Draw the curves of both orders by importance, thick at the steepest fall, and random orders as a band and mean.

    Parameters
    ----------
    n_removed : (step,) integer array
        How many units are removed.
    ranking : (order,) array of str
        ``most``, ``least`` or ``random``.
    curve : (order, step) array
        Fractions.
    falls : DataFrame
        A row for each of the two orders: ``ranking``, ``fall`` (the steepest, in points), ``start`` and ``stop``
        (numbers of units removed where the fall begins and ends).
    up : str
        The title of the vertical axis without its unit: what the curves are fractions of.
    own : DataFrame, optional
        The curves for the orders of one class: ``end`` (``most`` or ``least``), ``x`` (units removed) and ``y``
        (percent).
    """
    at_random = 100 * curve[ranking == "random"]
    lines = {kind: 100 * curve[ranking == kind].mean(axis=0) for kind in NAMES if (ranking == kind).any()}
    frame = pd.concat([pd.DataFrame({"curve": NAMES[kind], "x": n_removed, "y": line}) for kind, line in lines.items()])
    band = pd.DataFrame({"x": n_removed, "low": at_random.min(axis=0), "high": at_random.max(axis=0)})
    colours = [COLOURS[kind] for kind in lines]
    if own is not None:
        frame = pd.concat([frame, own.assign(curve=own["end"].map(OWN)).drop(columns="end")])
        colours += [OWN_COLOURS[end] for end in own["end"].unique()]
    over = [
        steep(frame[frame["curve"] == NAMES[fall["ranking"]]], fall, COLOURS[fall["ranking"]])
        for fall in falls.to_dict("records")
    ]
    return curves(frame, colours, across="units removed", up=f"{up}, %", band=band, domain=(0, 100), over=over)
