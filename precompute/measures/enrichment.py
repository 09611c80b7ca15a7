"""Enrichment: units of one sort that come first in an order more often than chance puts them there."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Enrichment:
    """Units of one sort among the first of an order.

    Parameters
    ----------
    found, first : int
        Units of the sort among the first, and how many the first are.
    expected : float
        How many chance puts there.
    p : float
        Probability that chance puts at least as many there, in (0, 1].
    """

    found: int
    first: int
    expected: float
    p: float


def enrichment(order: Ints, of_the_sort: Bools, *, first: int = 20) -> Enrichment:
    """Count the units of one sort among the first of an order, beside chance.

    Parameters
    ----------
    order : (unit,) integer array
        Units, first to last.
    of_the_sort : (unit,) bool array
        Which are of the sort, such as selective for colour.
    first : int
        How many come first; all where there are fewer.

    Returns
    -------
    Enrichment
        Under chance the count is hypergeometric: drawn without replacement from all units.
    """
    first = min(first, len(order))
    found, sort, total = int(of_the_sort[order[:first]].sum()), int(of_the_sort[order].sum()), len(order)
    # Whole numbers of any size: exact.
    ways = sum(math.comb(sort, k) * math.comb(total - sort, first - k) for k in range(found, min(first, sort) + 1))
    return Enrichment(found, first, first * sort / max(total, 1), ways / math.comb(total, first))
