"""The mean over repetitions with different random choices, and its confidence interval."""

from math import lgamma
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_GRID = 20_000


def seed_interval(values: Floats, *, level: float = 0.95) -> tuple[Floats, Floats, Floats]:
    """Mean over repetitions, and its interval by Student's t distribution.

    Parameters
    ----------
    values : (..., repetition) array
        One number for each repetition.
    level : float
        Share of intervals made in this way that contain the mean of infinitely many repetitions.

    Returns
    -------
    mean, low, high : (...) arrays
        The limits are NaN for fewer than two repetitions. The interval covers the random choices alone: everything that
        is the same in all repetitions, such as the images, is taken as given.
    """
    n_repetitions = values.shape[-1]
    mean = values.mean(axis=-1)
    if n_repetitions < 2:
        nothing = np.full(mean.shape, np.nan)
        return mean, nothing, nothing
    margin = t_quantile((1 + level) / 2, n_repetitions - 1) * values.std(axis=-1, ddof=1) / np.sqrt(n_repetitions)
    return mean, mean - margin, mean + margin


def further_margin(values: Floats, *, level: float = 0.95) -> Floats:
    r"""How far one more repetition may lie from the mean of some repetitions, by chance.

    A number that did not come out of the random choices is compared with them by this margin. The interval of the mean
    is too narrow for that: one more repetition lies outside the interval of the mean of five in a third of cases.

    .. math:: t \, s \sqrt{1 + 1/n}

    Parameters
    ----------
    values : (..., repetition) array
        One number for each repetition.
    level : float
        Share of further repetitions that lie within the margin.

    Returns
    -------
    (...) array
        NaN for fewer than two repetitions.
    """
    mean, low, _ = seed_interval(values, level=level)
    return np.asarray((mean - low) * np.sqrt(1 + values.shape[-1]))


def t_quantile(share: float, freedom: float) -> float:
    r"""Quantile of Student's distribution.

    Its density is integrated over an angle, which has no long tails: t = sqrt(f) tan(a) has a density proportional to
    :math:`\cos^{f-1} a` for f degrees of freedom.

    Parameters
    ----------
    share : float
        Probability of a smaller value, at least 0.5.
    freedom : float
        Degrees of freedom, at least 1.

    Returns
    -------
    float
        0 or more.
    """
    angle = np.linspace(0, np.pi / 2, _GRID)
    constant = np.exp(lgamma((freedom + 1) / 2) - lgamma(freedom / 2)) / np.sqrt(np.pi)
    density = constant * np.cos(angle) ** (freedom - 1)
    below = 0.5 + np.r_[0, np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(angle))]
    return float(np.sqrt(freedom) * np.tan(np.interp(share, below, angle)))
