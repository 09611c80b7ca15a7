"""The class that a unit answers most to, as far as its images settle it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.selectivity import class_means
from precompute.measures.skewed import NORMAL_95

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


def times_interval(activation: Floats, label: Ints, n_classes: int, chosen: int) -> tuple[float, float]:
    """Return the 95 % interval of how many times as strongly a unit answers to a class as to the others on average.

    That is the mean over the class's images over the mean of the other classes' means. The interval is that of its
    logarithm by the delta method, with the images of every class as the sample.

    Parameters
    ----------
    activation : (image,) array
        The unit's activation, nowhere below zero.
    label : (image,) integer array
        Class of each image.
    n_classes, chosen : int
        Number of classes, and the one.

    Returns
    -------
    (float, float)
        NaN where the class or the others have a mean of zero, or no image.

    References
    ----------
    Katz et al. 1978, "Obtaining confidence intervals for the risk ratio in cohort studies", Biometrics 34, 469-474.
    """
    count = np.bincount(label, minlength=n_classes)
    mean = class_means(activation[None], label, n_classes)[0]
    n = np.maximum(count, 2)
    error = np.bincount(label, weights=(activation - mean[label]) ** 2, minlength=n_classes) / (n - 1) / n
    others = (count > 0) & (np.arange(n_classes) != chosen)
    if not count[chosen] or not others.any() or not mean[chosen] > 0 or not mean[others].mean() > 0:
        return float("nan"), float("nan")
    rest = mean[others].mean()
    spread = np.sqrt(error[chosen] / mean[chosen] ** 2 + error[others].sum() / others.sum() ** 2 / rest**2)
    low, high = mean[chosen] / rest * np.exp(np.array([-1, 1]) * NORMAL_95 * spread)
    return float(low), float(high)


def _means(values: Floats, rng: np.random.Generator) -> Floats:
    """Return the mean of every resample of some numbers, (draw,)."""
    at_once = max(1, _BLOCK // len(values))
    sizes = [min(at_once, _DRAWS - start) for start in range(0, _DRAWS, at_once)]
    return np.concatenate([values[rng.integers(0, len(values), (n, len(values)))].mean(axis=1) for n in sizes])
