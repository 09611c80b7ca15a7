"""Binomial probabilities: tosses of a fair coin, the exact binomial test, and exact intervals of a share."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def fair_coin(tosses: Ints, heads: Ints) -> tuple[Floats, Floats]:
    """Probability of at most, and of exactly, a number of heads among tosses of a fair coin.

    Parameters
    ----------
    tosses, heads : integer arrays of shapes that broadcast
        Number of tosses, 0 or more, and of heads, any integer, including ones outside 0 ... tosses.

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
        # One place before the first and one after the last stand for all impossible outcomes.
        place = np.clip(heads[here], -1, n + 1) + 1
        exactly[here] = np.r_[0, probability, 0][place]
        at_most[here] = np.r_[0, np.minimum(probability.cumsum(), 1), 1][place]
    return at_most, exactly


def coin_probabilities(tosses: int) -> Floats:
    """Probability of 0, 1, ... heads among tosses of a fair coin, (heads,)."""
    log_factorial = np.r_[0, np.log(np.arange(1, tosses + 1)).cumsum()]
    log_ways = log_factorial[-1] - log_factorial - log_factorial[::-1]
    return np.exp(log_ways - tosses * math.log(2))


def at_least(trials: int, successes: int, chance: float) -> float:
    """Probability of at least `successes` successes in `trials` trials: the one-sided exact binomial test.

    Parameters
    ----------
    trials : int
        Number of trials, 0 or more.
    successes : int
        0 or more.
    chance : float
        Probability of a success, in [0, 1].

    Returns
    -------
    float
        In [0, 1]; 1 where `successes` is 0, 0 where it is above `trials`.
    """
    if successes <= 0:
        return 1.0
    if successes > trials or chance <= 0:
        return 0.0
    if chance >= 1:
        return 1.0
    log_factorial = np.r_[0, np.log(np.arange(1, trials + 1)).cumsum()]
    count = np.arange(successes, trials + 1)
    log_ways = log_factorial[-1] - log_factorial[count] - log_factorial[trials - count]
    log_probability = log_ways + count * math.log(chance) + (trials - count) * math.log1p(-chance)
    return min(1.0, float(np.exp(log_probability).sum()))


def clopper_pearson(trials: int, successes: int, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the probability of a success, exact at any count: it contains the truth at least as often as `level`.

    It is wide where there are few trials: 2 of 2 give 0.16 to 1. The lower end is the probability at which at least as
    many successes have a probability of (1 - level) / 2; the upper end is the one at which at most as many have it.

    Parameters
    ----------
    trials, successes : int
        Number of trials, 0 or more, and of successes, from 0 to `trials`.
    level : float
        Least share of intervals made in this way that contain the truth.

    Returns
    -------
    low, high : float
        In [0, 1], to 1e-9; NaN without trials.

    References
    ----------
    Clopper and Pearson 1934, "The use of confidence or fiducial limits illustrated in the case of the binomial",
    Biometrika 26, 404-413.
    """
    if trials == 0:
        return math.nan, math.nan
    tail = (1 - level) / 2
    return _lower_end(trials, successes, tail), 1 - _lower_end(trials, trials - successes, tail)


def at_any_time(trials: int, successes: int, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of the probability of a success for somebody who looks after every trial.

    The intervals after all numbers of trials contain the truth at once, at least as often as `level`, so one may stop
    whenever one wants. They are wider than those for a number of trials that is fixed before: 7 of 7 give 0.47 to 1. A
    probability p is left out where p^k (1 - p)^(n - k) is small beside its mean over all p.

    Parameters
    ----------
    trials, successes : int
        Number of trials, 0 or more, and of successes, from 0 to `trials`.
    level : float
        Least share of people none of whose intervals ever leaves out the truth.

    Returns
    -------
    low, high : float
        In [0, 1], to 1e-9; NaN without trials.

    References
    ----------
    Robbins 1970, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics
    41, 1397-1409, with a uniform mixture.
    """
    if trials == 0:
        return math.nan, math.nan
    log_ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(trials - successes + 1)
    least = math.log(1 - level) - math.log(trials + 1) - log_ways
    return _first_likely(trials, successes, least), 1 - _first_likely(trials, trials - successes, least)


def _first_likely(trials: int, successes: int, least: float) -> float:
    """Return the smallest success probability at which these very trials have this logarithm of their probability."""
    if successes == 0:
        return 0.0
    low, high = 0.0, successes / trials
    while high - low > 1e-10:
        middle = (low + high) / 2
        rest = (trials - successes) * math.log1p(-middle) if successes < trials else 0.0
        likely = successes * math.log(middle) + rest > least
        low, high = (low, middle) if likely else (middle, high)
    return (low + high) / 2


def _lower_end(trials: int, successes: int, tail: float) -> float:
    """Return the success probability at which at least `successes` have the probability `tail`; 0 for no success."""
    if successes == 0:
        return 0.0
    low, high = 0.0, 1.0
    while high - low > 1e-10:
        middle = (low + high) / 2
        low, high = (low, middle) if at_least(trials, successes, middle) > tail else (middle, high)
    return (low + high) / 2
