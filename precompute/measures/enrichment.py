"""Enrichment: whether units of one sort are among the first of an order more often than by chance."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Enrichment:
    """Number of units of one sort among the first of an order.

    Parameters
    ----------
    found, first : int
        Number of units of the sort among the first, and number of first units.
    expected : float
        Mean of `found` by chance.
    p : float
        Probability that chance gives at least as many, in (0, 1].
    """

    found: int
    first: int
    expected: float
    p: float


def enrichment(order: Ints, of_the_sort: Bools, *, first: int = 20) -> Enrichment:
    """Count the units of one sort among the first of an order, and compare with chance.

    Parameters
    ----------
    order : (unit,) integer array
        Units, first to last.
    of_the_sort : (unit,) bool array
        Whether a unit is of the sort, such as selective for colour.
    first : int
        How many come first; all where there are fewer.

    Returns
    -------
    Enrichment
        Under chance the count is hypergeometric: drawn without replacement from all units.
    """
    first = min(first, len(order))
    found, sort, total = int(of_the_sort[order[:first]].sum()), int(of_the_sort[order].sum()), len(order)
    # Python's integers have any size, so this is exact.
    ways = sum(math.comb(sort, k) * math.comb(total - sort, first - k) for k in range(found, min(first, sort) + 1))
    return Enrichment(found, first, first * sort / max(total, 1), ways / math.comb(total, first))
