"""Many tests at once: the false discovery rate."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def false_discovery(p: Floats, *, any_dependence: bool = False) -> Floats:
    r"""Turn p-values into q-values: the false discovery rate at which each would just be called.

    .. math:: q_{(i)} = \min_{j \ge i} \frac{n \, p_{(j)}}{j}

    over the n p-values in ascending order. Calling every test with q at most 0.05 keeps the expected share of false
    calls at 5 % or less, for independent tests and for tests that tend to err together.

    Parameters
    ----------
    p : array of any shape
        P-values in [0, 1]; NaN where there was no test. All others count as one family.
    any_dependence : bool
        Control the rate under any dependence between the tests (Benjamini and Yekutieli), at the cost of a factor of 1
        + 1/2 + ... + 1/n.

    Returns
    -------
    array of that shape
        Q-values in [0, 1], never below the p-value; NaN where p is.

    References
    ----------
    Benjamini and Hochberg 1995, Journal of the Royal Statistical Society B 57, 289-300. Benjamini and Yekutieli 2001,
    Annals of Statistics 29, 1165-1188.
    """
    tested = ~np.isnan(p)
    values = p[tested]
    order = np.argsort(values)
    place = np.arange(1, len(values) + 1)
    scaled = values[order] * len(values) / place * ((1 / place).sum() if any_dependence else 1)
    smallest_after = np.minimum.accumulate(scaled[::-1])[::-1]
    ascending = np.empty(len(values))
    ascending[order] = np.minimum(smallest_after, 1)
    q = np.full(p.shape, np.nan)
    # n / n times p may come out a rounding error below p.
    q[tested] = np.maximum(ascending, values)
    return q


def discrete_false_discovery(
    p: Floats, attainable: Sequence[Floats], *, level: float = 0.05, tau_among: Floats | None = None
) -> Floats:
    r"""Turn p-values of counts into q-values that take into account which p-values each test can have.

    .. math:: q_{(i)} = \min_{j \ge i} \frac{1}{j} \sum_k \frac{F_k(p_{(j)})}{1 - F_k(\max(p_{(j)}, \tau))}

    with :math:`F_k(t)` the probability that test k has a p-value of at most t by chance: the largest of its attainable
    p-values that is no larger than t, or 0. It is at most t, and 0 for a test that cannot have such a p-value whatever
    its outcome: such tests drop out of the family by themselves. Benjamini and Hochberg use t in its place.

    Parameters
    ----------
    p : (test,) array
        P-values in [0, 1]; NaN where there was no test. All others count as one family of independent tests.
    attainable : sequence of (value,) arrays
        For every test the p-values that it can have, in any order, including its own.
    level : float
        The rate at which tests will be called: :math:`\tau` is the largest attainable p-value at which the mean of
        F / (1 - F) is no larger. The rate is controlled for calls at q up to this level.
    tau_among : (value,) array, optional
        The p-values of which :math:`\tau` is one, in place of all attainable ones. Earlier versions took the observed
        ones, and the check of their stores does.

    Returns
    -------
    (test,) array
        Q-values in [0, 1], never below the p-value; NaN where p is.

    References
    ----------
    Doehler, Durand and Roquain 2018, "New FDR bounds for discrete and heterogeneous tests", Electronic Journal of
    Statistics 12, 1867-1900. Leaving out tests that cannot be significant is due to Tarone 1990, Biometrics 46,
    515-522, and for false discovery rates to Gilbert 2005, Applied Statistics 54, 143-158.
    """
    tested = np.flatnonzero(~np.isnan(p))
    q = np.full(p.shape, np.nan)
    if not len(tested):
        return q
    order = tested[np.argsort(p[tested], kind="stable")]
    values, possible = p[order], [np.r_[0, np.sort(attainable[test])] for test in order]
    by_chance = np.stack([_at_most(values, one) for one in possible])
    # The F that is subtracted from 1 is taken at tau for p-values up to tau, and at the p-value itself beyond.
    beyond = np.maximum(by_chance, _at_tau(possible, level, tau_among)[:, None])
    expected = _odds(by_chance, beyond).sum(axis=0)
    scaled = expected / np.searchsorted(values, values, side="right")
    q[order] = np.clip(np.minimum.accumulate(scaled[::-1])[::-1], values, 1)
    return q


def _odds(by_chance: Floats, beyond: Floats) -> Floats:
    """Return F / (1 - F), with the F that is subtracted given by itself; infinite where that is 1."""
    return np.where(beyond < 1, by_chance / np.where(beyond < 1, 1 - beyond, 1), np.inf)


def _at_tau(possible: Sequence[Floats], level: float, among: Floats | None) -> Floats:
    """Return F of every test at tau, (test,): at the largest of some p-values with mean odds of at most `level`."""
    values = np.unique(np.concatenate(possible) if among is None else among[~np.isnan(among)])
    found, low, high = np.zeros(len(possible)), 0, len(values)
    while low < high:
        between = (low + high) // 2
        at = np.array([_at_most(values[between], one) for one in possible])
        if _odds(at, at).mean() <= level:
            found, low = at, between + 1
        else:
            high = between
    return found


def _at_most(values: Floats, possible: Floats) -> Floats:
    """Return, for each value, the largest p-value of at most it, of the attainable ones, ascending from 0."""
    # Equal sums of probabilities may differ by a rounding error.
    return np.asarray(possible[np.searchsorted(possible, values * (1 + 1e-9), side="right") - 1])
