"""Many tests at once: how many of those that look like something are nothing."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def false_discovery(p: Floats, *, any_dependence: bool = False) -> Floats:
    r"""Turn p-values into q-values: the false discovery rate at which each would just be called.

    .. math:: q_{(i)} = \min_{j \ge i} \frac{n \, p_{(j)}}{j}

    over the n p-values in ascending order. Calling everything with q at most 0.05 keeps the expected share of false
    calls at 5 %, for independent tests and for tests that tend to err together.

    Parameters
    ----------
    p : array of any shape
        P-values in [0, 1]; NaN where there was no test. All others count as one family.
    any_dependence : bool
        Hold the promise whatever the dependence between the tests (Benjamini and Yekutieli), at the cost of a factor
        of 1 + 1/2 + ... + 1/n.

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
    # A quotient of n and its own place may come out a rounding error below 1.
    q[tested] = np.maximum(ascending, values)
    return q
