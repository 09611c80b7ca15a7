"""The largest drop over many classes, and how large it gets by chance.

Where images flip at random, some class always loses several. Under the null hypothesis that the unit matters to no
class, every changed image is a fair coin: lost or gained. The distribution of the largest drop over the classes is then
known exactly, because the classes are independent, so its p-value needs no random draws.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.binomial import coin_probabilities
from precompute.measures.drops import max_class_drop
from precompute.measures.false_discovery import discrete_false_discovery
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
        The largest drop over all classes, and the class it falls on; see
        :func:`precompute.measures.drops.max_class_drop`.
    p : (unit,) array
        Probability that chance alone makes the largest drop over the classes that take part as large as it is; NaN
        where no class takes part.
    expected, ceiling : (unit,) arrays
        Chance level of ``largest``: its mean by chance, and the value that it does not exceed by chance with the
        probability asked for. Fractions in [0, 1]; NaN without images.
    class_p : (unit, class) array
        Probability that chance alone makes the largest drop as large as the drop of this class, a p-value corrected for
        the number of classes; NaN for classes set apart.
    attainable : tuple of (value,) arrays
        For every unit, the p-values that its changed images could have given; empty where no class takes part.
    """

    largest: Floats
    worst: Floats
    p: Floats
    expected: Floats
    ceiling: Floats
    class_p: Floats
    attainable: tuple[Floats, ...] = ()

    @property
    def q(self) -> Floats:
        """False discovery rate over the units at which each p-value is just called, (unit,); NaN where `p` is NaN."""
        return discrete_false_discovery(self.p, self.attainable)


def takes_part(correct: Ints, count: Ints, *, floor: float = 0.1) -> Bools:
    """Say which classes can show a drop: those whose accuracy is not already near zero.

    Parameters
    ----------
    correct, count : (class,) integer arrays
        Number of images that are right with nothing ablated, and number of images.
    floor : float
        Accuracy from which a class takes part.

    Returns
    -------
    (class,) bool array
        False for classes without images.
    """
    return np.asarray((count > 0) & (correct >= floor * count))


def max_drop_test(counts: PairedCounts, classes: Bools | None = None, *, ceiling: float = 0.95) -> MaxDropTest:
    r"""Test the largest drop of every unit against all ways in which its changed images could be lost or gained.

    .. math:: T^* = \max_c \frac{2 \, \mathrm{Bin}(m_c, 1/2) - m_c}{n_c}, \qquad p = P(T^* \ge T)

    with :math:`m_c` images of class c changed (lost or gained) and :math:`n_c` images in all. The p-value is that of
    the permutation test that tries every pattern. It holds its level over all classes together; over units,
    :attr:`MaxDropTest.q` corrects it.

    Parameters
    ----------
    counts : PairedCounts
        Images lost and gained.
    classes : (class,) bool array, optional
        Which classes take part in the test, see :func:`takes_part`; by default all that have images. The largest drop
        and its chance level are always over all classes with images, as a run writes them.
    ceiling : float
        Probability that the largest drop by chance stays at or below the ceiling.

    Returns
    -------
    MaxDropTest

    References
    ----------
    Westfall and Young 1993, "Resampling-based multiple testing", for the maximum statistic.
    """
    present = counts.count > 0
    taking = present if classes is None else classes & present
    drop = counts.drop
    class_p = np.full(drop.shape, np.nan)
    expected, highest = np.full((2, len(drop)), np.nan)
    attainable = []
    changed = counts.lost + counts.gained
    for unit in range(len(drop)):
        level = _null(changed[unit], counts.count, present)
        if present.any():
            expected[unit], highest[unit] = level.mean(), level.at_most(ceiling)
        null = level if (taking == present).all() else _null(changed[unit], counts.count, taking)
        class_p[unit, taking] = null.reached(drop[unit, taking])
        attainable.append(null.reached(null.value))
    p = np.where(taking, class_p, np.inf).min(axis=1, initial=np.inf)
    largest, worst = max_class_drop(drop)
    return MaxDropTest(largest, worst, np.where(np.isinf(p), np.nan, p), expected, highest, class_p, tuple(attainable))


@dataclass(frozen=True, eq=False)
class _Null:
    """The largest drop by chance: its values, ascending, and the logarithm of the probability of at most each."""

    value: Floats
    log_at_most: Floats

    def reached(self, drop: Floats) -> Floats:
        """Probability of a drop as large as each."""
        below = np.r_[-np.inf, self.log_at_most][np.searchsorted(self.value, drop, side="left")]
        return np.asarray(-np.expm1(below))

    def mean(self) -> float:
        return float(self.value @ np.diff(np.exp(self.log_at_most), prepend=0))

    def at_most(self, probability: float) -> float:
        """Return the value that the largest drop does not exceed with this probability."""
        return float(self.value[np.searchsorted(np.exp(self.log_at_most), probability)])


def _null(changed: Ints, count: Ints, classes: Bools) -> _Null:
    if not classes.any():
        return _Null(np.empty(0), np.empty(0))
    return _Null(*null_maximum(changed[classes], count[classes]))


def null_maximum(changed: Ints, count: Ints) -> tuple[Floats, Floats]:
    """Distribution of the largest drop over classes when every changed image is lost or gained by a fair coin.

    Parameters
    ----------
    changed, count : (class,) integer arrays
        Number of images that change, and number of images; at least one class, each with images.

    Returns
    -------
    value : (value,) array
        The values it can take, ascending.
    log_at_most : (value,) array
        Logarithm of the probability that the largest drop is at most that value; the last is 0. Logarithms keep the
        tiny probabilities of larger values.
    """
    value, step = (np.concatenate(parts) for parts in zip(*map(_log_steps, *_alike(changed, count)), strict=True))
    order = np.argsort(value)
    value, step = value[order], step[order]
    # From the top down: the largest value is certainly not exceeded, and every step below takes its part away.
    above = np.r_[step[::-1].cumsum()[::-1][1:], 0]
    last_of_equals = np.r_[value[1:] != value[:-1], True]
    value, log_at_most = value[last_of_equals], -above[last_of_equals]
    possible = np.exp(log_at_most) > 0
    return value[possible], log_at_most[possible]


def _alike(changed: Ints, count: Ints) -> tuple[Ints, Ints, Ints]:
    """Group classes with the same numbers; return the numbers, and how many classes have them."""
    pair, how_many = np.unique(np.stack([changed, count], axis=1), axis=0, return_counts=True)
    return pair[:, 0], pair[:, 1], how_many


def _log_steps(changed: int, count: int, how_many: int) -> tuple[Floats, Floats]:
    """Return the drops that equal classes can show, and the rise, at each, of the log-probability of none larger."""
    at_most = np.minimum(coin_probabilities(int(changed)).cumsum(), 1)
    more = np.r_[at_most[:-1][::-1], 0]
    with np.errstate(divide="ignore"):
        log_at_most = np.where(more < 0.5, np.log1p(-more), np.log(at_most))
    # Probabilities that underflow get a finite floor, because the difference of two infinities is NaN.
    rise = np.diff(np.maximum(log_at_most, _IMPOSSIBLE), prepend=-np.inf)
    return (2 * np.arange(changed + 1) - changed) / count, how_many * rise
