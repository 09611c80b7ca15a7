"""Transitions: where a curve over removed units has fallen to half, and where it falls most steeply."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.format import count, number
from explorer.widgets.html import Markup, with_range, with_small
from precompute.measures.curves import area, steepest_fall, steps_to_half, window_steps

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_ROUNDING = 1e-6  # in points


def transitions(n_removed: Ints, ranking: NDArray[Any], curve: Floats, *, chance: float = 0.0) -> pd.DataFrame:
    """Return where every order loses most within 5 % of the steps, and where half of what it had is gone.

    Parameters
    ----------
    n_removed : (step,) integer array
        How many units are removed.
    ranking : (order,) array of str
        The kind of each order.
    curve : (order, step) array
        What falls as units are removed, such as accuracy, in percent.
    chance : float
        The level of the curve by chance, in percent; half of what is above it counts.

    Returns
    -------
    DataFrame
        A row for each order: ``ranking``; ``fall``, the steepest fall in points; ``start`` and ``stop``, how many units
        are removed where this fall begins and ends; ``half``, how many are removed when half is gone, or NaN; ``mean``,
        the mean of the curve over the numbers of removed units.
    """
    # Falls by the same number of images differ by rounding alone. Rounding them makes the first one count.
    fall, start = steepest_fall(np.round(curve.astype(np.float64), 4))
    stop = start + window_steps(len(n_removed) - 1)
    half = steps_to_half(curve, chance=chance)
    gone = np.where(np.isnan(half), np.nan, n_removed[np.nan_to_num(half).astype(int)])
    places = {"start": n_removed[start], "stop": n_removed[stop]}
    mean = area(curve, n_removed)
    return pd.DataFrame({"ranking": ranking, "fall": fall, **places, "half": gone, "mean": mean})


def beside_random(found: pd.DataFrame, names: Mapping[str, str], what: str) -> str:
    """Say which orders lie below or above all random orders by the mean of their curves, and how rare that is.

    A curve that leaves the band of the random orders at some step says little: one more random order does so somewhere
    in 40 % of cases to one side. Its mean lies below all others in one case of n + 1.

    Parameters
    ----------
    found : DataFrame
        A row for each order: ``ranking``, and ``mean``, the mean of the curve.
    names : mapping
        The names of the orders that are not random, by their ``ranking``.
    what : str
        The name of the mean, such as ``area``.

    Returns
    -------
    str
        Empty where there is no random order.
    """
    means = {kind: found.loc[found["ranking"] == kind, "mean"] for kind in (*names, "random")}
    at_random, own = means.pop("random"), {kind: held for kind, held in means.items() if held.notna().any()}
    if not at_random.notna().any() or not own:
        return ""
    told = [f"{names[kind]} {_where(float(held.iloc[0]), at_random)}" for kind, held in own.items()]
    n = len(at_random) + 1
    return (
        f"By {what}, {'; '.join(told)}. By chance, one order in {n} lies below all others, and one in {n} above. At "
        "single steps an order often leaves the band by chance."
    )


def _where(mean: float, at_random: "pd.Series[float]") -> str:
    orders = count(len(at_random), "random order")
    if mean < at_random.min() - _ROUNDING:
        return f"lies below all {orders}"
    return f"lies above all {orders}" if mean > at_random.max() + _ROUNDING else f"lies among the {orders}"


def span(values: "pd.Series[float]", decimals: int) -> Markup:
    """Return one value, or the mean of several with their range, as HTML; a dash where all are NaN."""
    known = values.dropna()
    if known.empty:
        return Markup("–")
    if len(known) == 1:
        return Markup(number(float(known.iloc[0]), decimals))
    return with_range(float(known.mean()), float(known.min()), float(known.max()), decimals)


def steepest(of_order: pd.DataFrame) -> Markup:
    """Return the steepest fall in points, as HTML: with its place for one order, with its range for several."""
    fall = span(of_order["fall"], 0)
    if len(of_order) != 1:
        return fall
    return with_small(fall, f"{of_order['start'].iloc[0]} to {of_order['stop'].iloc[0]}")


def window_said(n_removed: Ints) -> str:
    """Say within how many removed units the steepest fall is looked for."""
    width = window_steps(len(n_removed) - 1)
    share = f"{n_removed[width]} of {n_removed[-1]:,} units"
    return f"Steepest fall: the largest loss within {share}; in small type, the numbers of removed units where it lies."
