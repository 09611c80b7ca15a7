"""What the test of the largest drop can find: how often a true drop would be called in this very layer."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.binomial import at_least
from precompute.measures.maxdrop import MaxDropTest, max_drop_test
from precompute.measures.multiplicity import discrete_false_discovery
from precompute.measures.paired import PairedCounts

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


def found_share(counts: PairedCounts, test: MaxDropTest, classes: Bools, drops: Floats, *, level: float) -> Floats:
    """Return how often a unit that costs one class so much would be called, beside the units that there are.

    The unit changes as many answers at random as the middle unit of the layer does, and loses images of a class of
    middle size on top: each of them with the probability that is the drop.

    Parameters
    ----------
    counts : PairedCounts
        Images lost and gained without each unit of the layer.
    test : MaxDropTest
        Of these counts and classes.
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
    changed = (counts.lost + counts.gained).sum(axis=1)
    middle = int(np.argsort(changed, kind="stable")[len(changed) // 2])
    taking = np.flatnonzero(classes & (counts.count > 0))
    one = int(taking[np.argsort(counts.count[taking], kind="stable")[len(taking) // 2]])
    n_images = int(counts.count[one] - counts.lost[middle, one] - counts.gained[middle, one])

    def called(more: int) -> bool:
        lost = counts.lost[[middle]].copy()
        lost[0, one] += more
        added = max_drop_test(PairedCounts(lost, counts.gained[[middle]], counts.count), classes)
        return bool(discrete_false_discovery(np.r_[added.p, test.p], (*added.attainable, *test.attainable))[0] <= level)

    # More images lost make a smaller p, so the fewest that are called are found by halving.
    low, high = 0, n_images + 1
    while low < high:
        between = (low + high) // 2
        low, high = (low, between) if between > n_images or called(between) else (between + 1, high)
    return np.array([at_least(n_images, low, float(drop)) for drop in drops])
