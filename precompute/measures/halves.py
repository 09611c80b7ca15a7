"""Two halves of the images: choose on one, measure on the other.

Where a class is chosen because its drop is the largest, that drop is too large on average (the winner's curse). On
images that had no part in the choice it is right on average.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.correlation import pearson
from precompute.measures.paired import PairedCounts

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_ROUNDING = 1e-9  # exactly opposite halves give r = -1 up to rounding


@dataclass(frozen=True, eq=False)
class HeldOutDrop:
    """The drop of a class chosen for each unit, on images that had no part in the choice.

    Parameters
    ----------
    chosen : (unit,) array
        The chosen class; NaN where none was chosen.
    lost, gained, count : (unit,) integer arrays
        Number of images of the class that are lost, gained and in all; 0 where no class was chosen.
    """

    chosen: Floats
    lost: Ints
    gained: Ints
    count: Ints

    @property
    def drop(self) -> Floats:
        """Accuracy lost, (unit,), fractions in [-1, 1]; NaN where no class was chosen."""
        return (self.lost - self.gained) / np.where(self.count, self.count, np.nan)


def halves(label: Ints, *, seed: int = 0) -> Ints:
    """Split the images at random into two halves with the same shares of classes.

    Parameters
    ----------
    label : (image,) integer array
        Class of each image.
    seed : int
        The same seed and labels give the same halves.

    Returns
    -------
    (image,) integer array
        0 or 1. The halves differ by at most one image, in every class and altogether.
    """
    order = np.lexsort((np.random.default_rng(seed).random(len(label)), label))
    half = np.empty(len(label), dtype=np.int64)
    # Every other image, class after class, each shuffled: two classes of odd size even each other out.
    half[order] = np.arange(len(label)) % 2
    return half


def divided(label: Ints, share: float, *, seed: int = 0) -> Ints:
    """Divide the images at random into two sets of unequal size with the same shares of classes.

    Parameters
    ----------
    label : (image,) integer array
        Class of each image.
    share : float
        Share of each class's images in the first set, in [0, 1].
    seed : int
        Same seed, labels and share, same sets.

    Returns
    -------
    (image,) integer array
        0 or 1. Every class with two or more images has at least one in each set.
    """
    rng = np.random.default_rng(seed)
    which = np.ones(len(label), dtype=np.int64)
    for c in np.unique(label):
        of_class = rng.permutation(np.flatnonzero(label == c))
        first = round(share * len(of_class))
        which[of_class[: min(max(first, 1), max(len(of_class) - 1, 1))]] = 0
    return which


def held_out_drop(score: Floats, read: PairedCounts) -> HeldOutDrop:
    """Choose a class for every unit by a score, and read its drop where the score was not measured.

    Parameters
    ----------
    score : (unit, class) array
        Measured on one half of the images: the drop, or the fall of log-probability, which finds the right class more
        often. NaN for classes that take no part.
    read : PairedCounts
        Images lost and gained of the other half.

    Returns
    -------
    HeldOutDrop
        The drop of the class with the highest score, the first among equals; no class where no score is above zero.
    """
    known = np.where(np.isnan(score) | (read.count == 0), -np.inf, score)
    best = known.argmax(axis=1)
    unit = np.arange(len(score))
    found = known[unit, best] > 0
    lost, gained, count = (
        np.where(found, numbers, 0) for numbers in (read.lost[unit, best], read.gained[unit, best], read.count[best])
    )
    return HeldOutDrop(np.where(found, best, np.nan), lost, gained, count)


def reliability(one: Floats, other: Floats) -> Floats:
    r"""Split-half reliability: how far the same measurement on other images would give the same profile.

    .. math:: R = \frac{2 r}{1 + r}

    with r the correlation of the two halves. This is the Spearman-Brown formula, needed because each half has only half
    of the images.

    Parameters
    ----------
    one, other : (..., n) arrays
        The profile from either half, such as (unit, class) drops, for a reliability of every unit's profile, or one
        measure over (unit,). Pairs with a NaN are left out.

    Returns
    -------
    (...) array
        At most 1; about 0 or below for a profile of noise. NaN where a half does not vary or has fewer than three
        pairs, and where the halves are exactly opposite.

    References
    ----------
    Spearman 1910 and Brown 1910, British Journal of Psychology 3, 271-295 and 296-322.
    """
    return stepped_up(pearson(one, other))


def stepped_up(r: Floats) -> Floats:
    """Return the reliability of a whole from the correlation of its halves, by the Spearman-Brown formula.

    Parameters
    ----------
    r : array
        In [-1, 1].

    Returns
    -------
    array
        At most 1; NaN where ``r`` is -1 to rounding.
    """
    return 2 * r / np.where(1 + r > _ROUNDING, 1 + r, np.nan)


def disattenuated(r: Floats, reliability_x: Floats, reliability_y: Floats) -> Floats:
    """Estimate the correlation that two measurements would have without their noise.

    Parameters
    ----------
    r, reliability_x, reliability_y : arrays of shapes that broadcast
        The correlation, and the reliability of each side; 1 for a side that is known exactly.

    Returns
    -------
    array
        May lie outside [-1, 1] where reliabilities are low; NaN where a reliability is not above zero.

    References
    ----------
    Spearman 1904, American Journal of Psychology 15, 72-101.
    """
    product = np.where((reliability_x > 0) & (reliability_y > 0), reliability_x * reliability_y, np.nan)
    return r / np.sqrt(product)
