"""Transitions: where curves of removed units fall to half, and where most steeply."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.format import number
from explorer.widgets.html import Markup, with_small
from precompute.measures.curves import area, steepest_fall, steps_to_half, window_steps

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def transitions(n_removed: Ints, ranking: NDArray[Any], curve: Floats, *, chance: float = 0.0) -> pd.DataFrame:
    """Return where every order loses most within 5 % of the steps, and where half of what there was is gone.

    Parameters
    ----------
    n_removed : (step,) integer array
        How many units are removed.
    ranking : (order,) array of str
        What each order is.
    curve : (order, step) array
        What is lost on the way, in percent.
    chance : float
        Where its scale has its zero, in percent.

    Returns
    -------
    DataFrame
        A row an order: ``ranking``; ``fall``, the steepest, in points, with ``start`` and ``stop``, how many units are
        removed where it begins and ends; ``half``, the same where half is gone, or NaN; ``mean`` over the way.
    """
    # Falls by as many images are equal but for rounding, and the first of them counts.
    fall, start = steepest_fall(np.round(curve.astype(np.float64), 4))
    stop = start + window_steps(len(n_removed) - 1)
    half = steps_to_half(curve, chance=chance)
    gone = np.where(np.isnan(half), np.nan, n_removed[np.nan_to_num(half).astype(int)])
    places = {"start": n_removed[start], "stop": n_removed[stop]}
    mean = area(curve, n_removed)
    return pd.DataFrame({"ranking": ranking, "fall": fall, **places, "half": gone, "mean": mean})


def span(values: "pd.Series[float]", decimals: int) -> Markup:
    """Return one value, or the mean of several with their range, as HTML; a dash where none is known."""
    known = values.dropna()
    if known.empty:
        return Markup("–")
    mean = number(float(known.mean()), decimals)
    if len(known) == 1:
        return Markup(mean)
    low, high = (number(float(end), decimals) for end in (known.min(), known.max()))
    return with_small(mean, f"{low} to {high}")


def steepest(of_order: pd.DataFrame) -> Markup:
    """Return the steepest fall in points, as HTML: where it is, or over several orders how steep they are."""
    fall = span(of_order["fall"], 0)
    if len(of_order) != 1:
        return fall
    return with_small(fall, f"{of_order['start'].iloc[0]} to {of_order['stop'].iloc[0]}")


def window_said(n_removed: Ints) -> str:
    """Say within how many units a fall is the steepest."""
    width = window_steps(len(n_removed) - 1)
    share = f"{n_removed[width]} of {n_removed[-1]:,} units"
    return f"Steepest fall: the largest loss within {share}; in small type, the numbers of removed units where it lies."
