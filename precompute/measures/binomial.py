"""Tosses of a fair coin: what chance does to images that change."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def fair_coin(tosses: Ints, heads: Ints) -> tuple[Floats, Floats]:
    """Probability of at most, and of exactly, so many heads among tosses of a fair coin.

    Parameters
    ----------
    tosses, heads : integer arrays of shapes that broadcast
        Tosses, 0 or more, and heads; any integer, outside 0 ... tosses too.

    Returns
    -------
    at_most, exactly : arrays
        Probabilities. Relative error below 1e-10 for up to 10,000 tosses.
    """
    tosses, heads = np.broadcast_arrays(tosses, heads)
    at_most, exactly = np.empty(tosses.shape), np.empty(tosses.shape)
    for n in np.unique(tosses):
        here = tosses == n
        probability = coin_probabilities(int(n))
        # One place before the first and one after the last stand for all outcomes that cannot be.
        place = np.clip(heads[here], -1, n + 1) + 1
        exactly[here] = np.r_[0, probability, 0][place]
        at_most[here] = np.r_[0, np.minimum(probability.cumsum(), 1), 1][place]
    return at_most, exactly


def coin_probabilities(tosses: int) -> Floats:
    """Probability of 0, 1, ... heads among tosses of a fair coin, (heads,)."""
    log_factorial = np.r_[0, np.log(np.arange(1, tosses + 1)).cumsum()]
    log_ways = log_factorial[-1] - log_factorial - log_factorial[::-1]
    return np.exp(log_ways - tosses * math.log(2))
