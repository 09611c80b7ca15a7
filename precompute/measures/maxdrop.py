"""The largest drop over many classes, beside how large it gets by chance.

Where images flip at random, some class always loses several. With the numbers of changed images as they are, "the unit
does nothing to any class" makes every changed image a fair coin: lost or gained. What the largest drop over the classes
does under all those coins is known exactly, for the classes are independent; no random draws are needed for its
p-value.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.binomial import coin_probabilities
from precompute.measures.drops import max_class_drop
from precompute.measures.paired import PairedCounts

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

_IMPOSSIBLE = -1e4  # the logarithm of a probability that is 0 in double precision


@dataclass(frozen=True, eq=False)
class MaxDropTest:
    """The largest class drop of every unit against chance.

    Parameters
    ----------
    largest, worst : (unit,) arrays
        The largest drop over the classes that take part, and the class it falls on; NaN as in
        :func:`precompute.measures.drops.max_class_drop`.
    p : (unit,) array
        Probability that chance alone makes the largest drop as large; NaN where no class takes part.
    expected, ceiling : (unit,) arrays
        Noise level: what chance alone makes of the largest drop, on average and at most, with the probability asked
        for. Fractions in [0, 1]; NaN where no class takes part.
    class_p : (unit, class) array
        The same probability for the drop of each class, corrected in this way for the number of classes; NaN for
        classes set apart.
    """

    largest: Floats
    worst: Floats
    p: Floats
    expected: Floats
    ceiling: Floats
    class_p: Floats


def takes_part(correct: Ints, count: Ints, *, floor: float = 0.1) -> Bools:
    """Tell which classes can show a drop: those whose accuracy is not near zero already.

    Parameters
    ----------
    correct, count : (class,) integer arrays
        Images that are right with nothing ablated, and images.
    floor : float
        Accuracy from which a class takes part.

    Returns
    -------
    (class,) bool array
        False for classes without images.
    """
    return np.asarray((count > 0) & (correct >= floor * count))


def max_drop_test(counts: PairedCounts, classes: Bools | None = None, *, ceiling: float = 0.95) -> MaxDropTest:
    r"""Test the largest drop of every unit against all ways its changed images could have fallen.

    .. math:: T^* = \max_c \frac{2 \, \mathrm{Bin}(m_c, 1/2) - m_c}{n_c}, \qquad p = P(T^* \ge T)

    with :math:`m_c` images of class c changed (lost or gained) and :math:`n_c` images in all. The p-value is that of
    the permutation test that tries every pattern. It holds its level over all classes together; over units,
    correct it with :func:`precompute.measures.multiplicity.false_discovery`.

    Parameters
    ----------
    counts : PairedCounts
        Images lost and gained.
    classes : (class,) bool array, optional
        Which classes take part, see :func:`takes_part`; all that have images when left out.
    ceiling : float
        Probability with which chance stays at or below the ceiling.

    Returns
    -------
    MaxDropTest

    References
    ----------
    Westfall and Young 1993, "Resampling-based multiple testing", for the maximum statistic.
    """
    taking = counts.count > 0 if classes is None else classes & (counts.count > 0)
    drop = np.where(taking, counts.drop, np.nan)
    if not taking.any():
        nothing = np.full(len(drop), np.nan)
        return MaxDropTest(nothing, nothing, nothing, nothing, nothing, drop)
    largest, worst = max_class_drop(drop)
    class_p = np.full(drop.shape, np.nan)
    expected, highest = np.empty(len(drop)), np.empty(len(drop))
    changed = counts.lost + counts.gained
    for unit in range(len(drop)):
        value, log_at_most = null_maximum(changed[unit, taking], counts.count[taking])
        below = np.r_[-np.inf, log_at_most][np.searchsorted(value, drop[unit, taking], side="left")]
        class_p[unit, taking] = -np.expm1(below)
        at_most = np.exp(log_at_most)
        expected[unit] = value @ np.diff(at_most, prepend=0)
        highest[unit] = value[np.searchsorted(at_most, ceiling)]
    return MaxDropTest(largest, worst, np.nanmin(class_p, axis=1), expected, highest, class_p)


def null_maximum(changed: Ints, count: Ints) -> tuple[Floats, Floats]:
    """Distribution of the largest drop over classes when every changed image is lost or gained by a fair coin.

    Parameters
    ----------
    changed, count : (class,) integer arrays
        Images that change, and images; at least one class, each with images.

    Returns
    -------
    value : (value,) array
        The values it can take, ascending.
    log_at_most : (value,) array
        Logarithm of the probability that it is at most that value; the last is 0. Logarithms, because what lies above
        a value can be very improbable.
    """
    value, step = (np.concatenate(parts) for parts in zip(*map(_log_steps, *_alike(changed, count)), strict=True))
    order = np.argsort(value)
    value, step = value[order], step[order]
    # From the top down: at most the largest value is certain, and every step below takes its part away.
    above = np.r_[step[::-1].cumsum()[::-1][1:], 0]
    last_of_equals = np.r_[value[1:] != value[:-1], True]
    value, log_at_most = value[last_of_equals], -above[last_of_equals]
    possible = np.exp(log_at_most) > 0
    return value[possible], log_at_most[possible]


def _alike(changed: Ints, count: Ints) -> tuple[Ints, Ints, Ints]:
    """Gather classes that have the same numbers; return those and how many classes have them."""
    pair, how_many = np.unique(np.stack([changed, count], axis=1), axis=0, return_counts=True)
    return pair[:, 0], pair[:, 1], how_many


def _log_steps(changed: int, count: int, how_many: int) -> tuple[Floats, Floats]:
    """Return the drops that alike classes can show, and how the log-probability of no larger one rises at each."""
    at_most = np.minimum(coin_probabilities(int(changed)).cumsum(), 1)
    more = np.r_[at_most[:-1][::-1], 0]
    with np.errstate(divide="ignore"):
        log_at_most = np.where(more < 0.5, np.log1p(-more), np.log(at_most))
    # What cannot be told from impossible is a flat floor: the difference of two infinities is no number.
    rise = np.diff(np.maximum(log_at_most, _IMPOSSIBLE), prepend=-np.inf)
    return (2 * np.arange(changed + 1) - changed) / count, how_many * rise
