"""Paired tests of whether the log-probability of the right class changes when a unit is silenced.

An image may stay right and still become less certain, so the log-probability shows a loss long before the number of
right images does. It shows whether there is an effect; accuracy shows how much the effect matters.
"""

import math
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.ranks import average_ranks

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_RADEMACHER = 1 / (2 * math.erfc(1))  # 1 / (4 P(Z >= sqrt 2)), Z standard normal
_FEW = 25  # up to this many changes the null distribution is exact; beyond it the normal curve errs on the safe side


def wilcoxon(change: Floats, label: Ints, n_classes: int) -> Floats:
    """Wilcoxon signed-rank test of the change of each class.

    If silencing the unit had no effect, every change could as well have had the other sign. The test sums the ranks of
    the absolute changes, so that a few very large changes do not dominate, and p-values can be as small as many tests
    require. Changes of exactly zero are left out, and equal changes share their rank. Given the ranks, the null
    distribution is exact for up to 25 changes. Beyond 25 it is normal, with the variance of these ranks and a
    continuity correction; in the far tails the normal curve is above the exact one, which is the safe side.

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
    return signed_ranks(change, label, n_classes)[0]


def signed_ranks(change: Floats, label: Ints, n_classes: int) -> tuple[Floats, Floats]:
    """Return the p-values of :func:`wilcoxon`, and the side to which the ranks lean.

    Returns
    -------
    p : (unit, class) array
        As from :func:`wilcoxon`.
    lean : (unit, class) array
        The sum of the ranks of the changes, with their signs: below 0 where the test shows a fall, whatever the mean.
        NaN for classes without images.
    """
    p, lean = np.full((2, len(change), n_classes), np.nan)
    exact: dict[bytes, Floats] = {}
    for c in np.unique(label):
        of_class = np.nan_to_num(change[:, label == c].astype(np.float64))
        changed = of_class != 0
        n_zero = (~changed).sum(axis=1, keepdims=True)
        ranks = np.where(changed, average_ranks(np.abs(of_class)) - n_zero, 0)
        upper = np.where(of_class > 0, ranks, 0).sum(axis=1)
        p[:, c], lean[:, c] = _normal_tails(ranks, upper), 2 * upper - ranks.sum(axis=1)
        for unit in np.flatnonzero(changed.sum(axis=1) <= _FEW):
            p[unit, c] = _exact_tails(ranks[unit, changed[unit]], upper[unit], exact)
    return p, lean


def less_certain(change: Floats, lean: Floats, p: Floats) -> tuple[Floats, Floats]:
    """Test for every unit whether the images of some class become less certain without it.

    Parameters
    ----------
    change : (unit, class) array
        Mean change of log-probability; NaN for classes without images.
    lean, p : (unit, class) arrays
        The side to which the ranks of these changes lean, and their two-sided p-values, see :func:`signed_ranks`. A
        class falls where its mean and its ranks do: one image that falls far makes no fall of many that rise a little.

    Returns
    -------
    p : (unit,) array
        The smallest p-value of the classes whose certainty falls, times the number of classes (Bonferroni), at most 1;
        valid under any dependence between classes. 1 where no class falls, NaN where no class has images.
    worst : (unit,) array
        The class with the smallest p-value; NaN where no class falls.
    """
    falls = np.where((change < 0) & (lean < 0), p, np.nan)
    n_classes = (~np.isnan(p)).sum(axis=1)
    known = np.where(np.isnan(falls), np.inf, falls)
    worst = known.argmin(axis=1)
    smallest = known[np.arange(len(p)), worst]
    corrected = np.where(np.isinf(smallest), 1, np.minimum(1, smallest * n_classes))
    return np.where(n_classes > 0, corrected, np.nan), np.where(np.isinf(smallest), np.nan, worst)


def sign_flip_bound(total: Floats, square: Floats) -> Floats:
    """Bound the p-value of a one-sided sign-flip test from two sums alone.

    If the changes could as well have had other signs, the probability of a sum at least as large is at most c P(Z >=
    z). Here z is the sum divided by the root of the sum of squares, Z is a standard normal and c = 3.178. The bound
    holds for any number of changes, however uneven, also for weighted changes. It needs no draws, so p-values can be as
    small as many tests require.

    Parameters
    ----------
    total, square : arrays of one shape
        Sum of the changes, and of their squares.

    Returns
    -------
    array of that shape
        P-values in (0, 1] for a sum at least as large; never smaller than those of the test itself. 1 where the sum is
        not above 0.

    References
    ----------
    Bentkus and Dzindzalieta 2015, "A tight Gaussian bound for weighted sums of Rademacher random variables", Bernoulli
    21, 1231-1237.
    """
    z = np.divide(total, np.sqrt(square), out=np.zeros(np.shape(total)), where=square > 0)
    bound = np.array([_RADEMACHER * _beyond(value) / 2 for value in z.ravel()]).reshape(z.shape)
    return np.where(z > 0, np.minimum(bound, 1), 1.0)


def _normal_tails(ranks: Floats, upper: Floats) -> Floats:
    """Two-sided p-values of sums of ranks whose signs are fair coins, by the normal curve."""
    spread = np.sqrt((ranks**2).sum(axis=1)) / 2
    away = np.maximum(np.abs(upper - ranks.sum(axis=1) / 2) - 0.5, 0)
    z = np.divide(away, spread, out=np.zeros_like(away), where=spread > 0)
    return np.array([_beyond(value) for value in z])


def _beyond(z: float) -> float:
    """Probability that a standard normal is at least z away from 0; beyond 37 the smallest number that is not 0."""
    return max(math.erfc(z / math.sqrt(2)), sys.float_info.min)


def _exact_tails(ranks: Floats, upper: float, known: dict[bytes, Floats]) -> float:
    """Two-sided p-value of a sum of ranks whose signs are fair coins; ``known`` caches the null distributions."""
    # Shared ranks are halves of integers.
    doubled = np.sort(np.rint(2 * ranks).astype(np.int64))
    key = doubled.tobytes()
    if key not in known:
        known[key] = _sum_probabilities(doubled)
    distance = np.abs(2 * np.arange(doubled.sum() + 1) - doubled.sum())
    return min(1.0, float(known[key][distance >= abs(round(4 * upper) - doubled.sum())].sum()))


def _sum_probabilities(steps: Ints) -> Floats:
    """Probability of every possible sum of integers, each of which is included by a fair coin, (sum,)."""
    probability = np.zeros(steps.sum() + 1)
    probability[0] = 1
    for step in steps:
        probability[step:] = (probability[step:] + probability[: len(probability) - step]) / 2
        probability[:step] /= 2
    return probability
