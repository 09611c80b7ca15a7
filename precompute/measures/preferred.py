"""The class that a unit answers most to, as far as its images settle it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.selectivity import class_means

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

SURE = 0.9
"""Share of the resamples in which one of the classes named is the one with the highest mean."""

MOST_NAMED = 3
"""Classes that are named together where none is alone."""

_DRAWS = 500
_CONTENDERS = 10
_BLOCK = 2**22  # resampled numbers held at a time


def preferred_classes(activation: Floats, label: Ints, n_classes: int, *, seed: int = 0) -> tuple[int, ...]:
    """Name the class whose images a unit answers most to; several where other images might name another.

    The images of every class are drawn anew, with replacement, and the class of the highest mean is noted. That of one
    set of images alone is named whatever its lead.

    Parameters
    ----------
    activation : (image,) array
        The unit's activation.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.
    seed : int
        Same seed, same resamples.

    Returns
    -------
    tuple of int
        The fewest classes, the most frequent first, of which one leads in :data:`SURE` of the resamples; empty where
        that takes more than :data:`MOST_NAMED`, and where the unit answers to all classes alike.

    References
    ----------
    Efron and Tibshirani 1993, "An introduction to the bootstrap".
    """
    means = class_means(activation[None], label, n_classes)[0]
    known = np.flatnonzero(~np.isnan(means))
    # A class far below the first is the first of no resample.
    contenders = known[np.argsort(-means[known], kind="stable")[:_CONTENDERS]]
    if len(contenders) == 0 or (len(known) > 1 and np.ptp(means[known]) == 0):
        return ()
    rng = np.random.default_rng(seed)
    drawn = np.stack([_means(activation[label == c].astype(np.float64), rng) for c in contenders])
    share = np.bincount(drawn.argmax(axis=0), minlength=len(contenders)) / _DRAWS
    order = np.argsort(-share, kind="stable")
    n_named = int(np.searchsorted(share[order].cumsum(), SURE - 1e-9)) + 1
    return tuple(contenders[order[:n_named]].tolist()) if n_named <= MOST_NAMED else ()


def _means(values: Floats, rng: np.random.Generator) -> Floats:
    """Return the mean of every resample of some numbers, (draw,)."""
    at_once = max(1, _BLOCK // len(values))
    sizes = [min(at_once, _DRAWS - start) for start in range(0, _DRAWS, at_once)]
    return np.concatenate([values[rng.integers(0, len(values), (n, len(values)))].mean(axis=1) for n in sizes])
