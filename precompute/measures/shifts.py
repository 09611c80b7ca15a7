"""The paired test of log-probabilities: that of the right class moves when a unit is silenced, or not.

An image that stays right has still become less certain: the change of log-probability sees a loss long before the
count of right images does. It tells whether there is an effect; accuracy tells how much it matters.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.ranks import average_ranks

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_RADEMACHER = 1 / (2 * math.erfc(1))  # 1 / (4 P(Z >= sqrt 2)), Z standard normal
_FEW = 25  # up to so many changes the null distribution is summed exactly; past it the normal curve is the safe side


def wilcoxon(change: Floats, label: Ints, n_classes: int) -> Floats:
    """Wilcoxon signed-rank test of the change of each class.

    If silencing the unit did nothing, every change might as well have had the other sign. What is summed are the ranks
    of the absolute changes: a few very large ones do not drown the rest, and p-values can be as small as many tests ask
    for. Changes of exactly zero are left out, equal ones share their rank.
    The null distribution is exact, given the ranks, for up to 25 changes, and normal with the variance of those ranks
    and a continuity correction past that; far out the normal curve is above the exact one, which is the safe side.

    Parameters
    ----------
    change : (unit, image) array
        A number per unit and image; NaN leaves the image out.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.

    Returns
    -------
    (unit, class) array
        Two-sided p-values in (0, 1]; 1 where nothing changes, NaN for classes without images.

    References
    ----------
    Wilcoxon 1945, "Individual comparisons by ranking methods", Biometrics Bulletin 1, 80-83.
    """
    p = np.full((len(change), n_classes), np.nan)
    exact: dict[bytes, Floats] = {}
    for c in np.unique(label):
        of_class = np.nan_to_num(change[:, label == c].astype(np.float64))
        changed = of_class != 0
        n_zero = (~changed).sum(axis=1, keepdims=True)
        ranks = np.where(changed, average_ranks(np.abs(of_class)) - n_zero, 0)
        upper = np.where(of_class > 0, ranks, 0).sum(axis=1)
        p[:, c] = _normal_tails(ranks, upper)
        for unit in np.flatnonzero(changed.sum(axis=1) <= _FEW):
            p[unit, c] = _exact_tails(ranks[unit, changed[unit]], upper[unit], exact)
    return p


def less_certain(change: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Ask of every unit whether the images of some class become less certain of it.

    Parameters
    ----------
    change : (unit, class) array
        Mean change of log-probability; NaN for classes without images.
    p : (unit, class) array
        Two-sided p-values of these changes, see :func:`wilcoxon`; NaN for classes without images.

    Returns
    -------
    p : (unit,) array
        The smallest of the classes whose certainty falls, times the number of classes (Bonferroni): right however the
        classes depend on each other. 1 where none falls, NaN where no class has images.
    worst : (unit,) array
        That class; NaN where none falls.
    """
    falls = np.where(change < 0, p, np.nan)
    n_classes = (~np.isnan(p)).sum(axis=1)
    known = np.where(np.isnan(falls), np.inf, falls)
    worst = known.argmin(axis=1)
    smallest = known[np.arange(len(p)), worst]
    corrected = np.where(np.isinf(smallest), 1, np.minimum(1, smallest * n_classes))
    return np.where(n_classes > 0, corrected, np.nan), np.where(np.isinf(smallest), np.nan, worst)


def sign_flip_bound(total: Floats, square: Floats) -> Floats:
    """Bound the p-value of a one-sided sign-flip test from two sums alone.

    If the changes might as well have had other signs, the chance that their sum reaches what it does is at most
    c P(Z >= z), with z the sum divided by the root of the sum of squares, Z a standard normal and c = 3.178. The bound
    holds for any number of changes, however uneven, also for weighted ones; it needs no draws, so p-values can be as
    small as many tests ask for.

    Parameters
    ----------
    total, square : arrays of one shape
        Sum of the changes, and of their squares.

    Returns
    -------
    array of that shape
        P-values in (0, 1] of a sum as large, no smaller than those of the test itself; 1 where the sum is not above 0.

    References
    ----------
    Bentkus and Dzindzalieta 2015, "A tight Gaussian bound for weighted sums of Rademacher random variables", Bernoulli
    21, 1231-1237.
    """
    z = np.divide(total, np.sqrt(square), out=np.zeros(np.shape(total)), where=square > 0)
    bound = np.array([_RADEMACHER * math.erfc(value / math.sqrt(2)) / 2 for value in z.ravel()]).reshape(z.shape)
    return np.where(z > 0, np.minimum(bound, 1), 1.0)


def _normal_tails(ranks: Floats, upper: Floats) -> Floats:
    """Two-sided p-values of sums of ranks whose signs are fair coins, by the normal curve."""
    spread = np.sqrt((ranks**2).sum(axis=1)) / 2
    away = np.maximum(np.abs(upper - ranks.sum(axis=1) / 2) - 0.5, 0)
    z = np.divide(away, spread, out=np.zeros_like(away), where=spread > 0)
    return np.array([math.erfc(value / math.sqrt(2)) for value in z])


def _exact_tails(ranks: Floats, upper: float, known: dict[bytes, Floats]) -> float:
    """Two-sided p-value of a sum of ranks whose signs are fair coins; distributions met before are in ``known``."""
    # Shared ranks are halves of integers.
    doubled = np.sort(np.rint(2 * ranks).astype(np.int64))
    key = doubled.tobytes()
    if key not in known:
        known[key] = _sum_probabilities(doubled)
    distance = np.abs(2 * np.arange(doubled.sum() + 1) - doubled.sum())
    return min(1.0, float(known[key][distance >= abs(round(4 * upper) - doubled.sum())].sum()))


def _sum_probabilities(steps: Ints) -> Floats:
    """Probability of every sum of integers of which each is taken or left by a fair coin, (sum,)."""
    probability = np.zeros(steps.sum() + 1)
    probability[0] = 1
    for step in steps:
        probability[step:] = (probability[step:] + probability[: len(probability) - step]) / 2
        probability[:step] /= 2
    return probability
