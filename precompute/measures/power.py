"""Power: how often the test of the largest drop would find a true drop of a given size in this layer."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.binomial import at_least
from precompute.measures.evenly_spread import evenly_spread
from precompute.measures.false_discovery import discrete_false_discovery
from precompute.measures.maxdrop import MaxDropTest, max_drop_test
from precompute.measures.paired import PairedCounts

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

_UNITS = 32
_STEPS, _LEAST_LOG_P = 24, -60.0


def found_share(counts: PairedCounts, test: MaxDropTest, classes: Bools, drops: Floats, *, level: float) -> Floats:
    """Return how often one more unit, which costs one class a given drop, would be called in this layer.

    The unit changes answers at random like one of the layer's units that are not called; the result is the mean over at
    most :data:`_UNITS` of them. In addition it loses images of a class of median size, each with a probability equal to
    the drop.

    Parameters
    ----------
    counts : PairedCounts
        Images lost and gained without each unit of the layer.
    test : MaxDropTest
        The test of these counts and classes.
    classes : (class,) bool array
        Which classes take part; at least one.
    drops : (drop,) array
        True drops, fractions.
    level : float
        Largest q-value that is called.

    Returns
    -------
    (drop,) array
        Probabilities.
    """
    taking = np.flatnonzero(classes & (counts.count > 0))
    one = int(taking[np.argsort(counts.count[taking], kind="stable")[len(taking) // 2]])
    by_changes = np.argsort((counts.lost + counts.gained).sum(axis=1), kind="stable")
    alike = by_changes[~(test.q[by_changes] <= level)]
    alike = alike if len(alike) else by_changes
    limit = _called_up_to(test, int(alike[len(alike) // 2]), level)
    chosen = alike[evenly_spread(len(alike), _UNITS)]
    return np.mean([_found(counts, int(unit), one, classes, limit, drops) for unit in chosen], axis=0)


def _called_up_to(test: MaxDropTest, like: int, level: float) -> float:
    """Return the largest p-value at which one more unit is called, if it can have the p-values of unit `like`."""
    attainable = (test.attainable[like], *test.attainable)
    low, high = _LEAST_LOG_P, math.log(level)
    for _ in range(_STEPS):
        between = (low + high) / 2
        called = discrete_false_discovery(np.r_[math.exp(between), test.p], attainable)[0] <= level
        low, high = (between, high) if called else (low, between)
    return math.exp(low)


def _found(counts: PairedCounts, unit: int, one: int, classes: Bools, limit: float, drops: Floats) -> Floats:
    """Return how often a unit is called that changes answers like `unit`, and costs class `one` each drop, (drop,)."""
    n_images = int(counts.count[one] - counts.lost[unit, one] - counts.gained[unit, one])

    def called(more: int) -> bool:
        lost = counts.lost[[unit]].copy()
        lost[0, one] += more
        found = max_drop_test(PairedCounts(lost, counts.gained[[unit]], counts.count), classes)
        return bool(found.class_p[0, one] <= limit)

    # More lost images make p smaller, so bisection finds the fewest lost images at which the unit is called.
    low, high = 0, n_images + 1
    while low < high:
        between = (low + high) // 2
        low, high = (low, between) if between > n_images or called(between) else (between + 1, high)
    return np.array([at_least(n_images, low, float(drop)) for drop in drops])
