"""The distribution of a statistic under shuffled labels."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class ShuffleNull:
    """A statistic, and its distribution under shuffled labels; arrays of the statistic's shape.

    Parameters
    ----------
    observed : array
        The statistic for the labels as they are.
    p : array
        Share of the shuffles that reach it, with the data counted among them: (1 + reached) / (1 + draws). NaN where
        the statistic is NaN.
    expected, ceiling : array
        Mean under shuffling, and the value that one more shuffle does not exceed with the probability asked for. NaN
        where the statistic is NaN in every shuffle.
    """

    observed: Floats
    p: Floats
    expected: Floats
    ceiling: Floats


def label_shuffle_null(
    statistic: Callable[[Ints], Floats],
    label: Ints,
    *,
    half: Ints | None = None,
    draws: int = 100,
    seed: int = 0,
    ceiling: float = 0.95,
) -> ShuffleNull:
    """Compute a statistic for the labels as they are, and for shuffled labels.

    Every class keeps its number of images.

    Parameters
    ----------
    statistic : callable
        Takes (image,) labels and returns an array of a fixed shape, whose larger values mean a stronger relation to the
        classes. A maximum over classes must be taken inside it.
    label : (image,) integer array
        Class of each image.
    half : (image,) integer array, optional
        0 or 1, for a statistic of two halves of the images: labels are shuffled within each half, so that every class
        keeps its number of images on each.
    draws : int
        Number of shuffles; no p-value is below 1 / (1 + draws).
    seed : int
        The same seed gives the same shuffles.
    ceiling : float
        The probability for the ceiling.

    Returns
    -------
    ShuffleNull
    """
    rng = np.random.default_rng(seed)
    observed = np.asarray(statistic(label), dtype=np.float64)
    drawn = np.array([statistic(_shuffled_labels(label, half, rng)) for _ in range(draws)], dtype=np.float64)
    # Sums of the same numbers in another order differ by rounding.
    reached = (drawn >= observed - 1e-12 * np.abs(observed)).sum(axis=0)
    p = np.where(np.isnan(observed), np.nan, (1 + reached) / (1 + draws))
    defined = ~np.isnan(drawn).all(axis=0)
    known = np.where(defined, drawn, 0)
    # The 96th of 100 shuffles: the usual quantile, near the 95th, is exceeded by chance in 6 % of cases, not 5.
    expected, highest = np.nanmean(known, axis=0), np.nanquantile(known, ceiling, axis=0, method="weibull")
    return ShuffleNull(observed, p, np.where(defined, expected, np.nan), np.where(defined, highest, np.nan))


def _shuffled_labels(label: Ints, half: Ints | None, rng: np.random.Generator) -> Ints:
    if half is None:
        return rng.permutation(label)
    shuffled = np.empty_like(label)
    for which in np.unique(half):
        shuffled[half == which] = rng.permutation(label[half == which])
    return shuffled
