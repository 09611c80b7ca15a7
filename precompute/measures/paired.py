"""Answers before and after an ablation on the same images: images lost, images gained, and tests of the difference.

The images are the same with and without the unit, so only images whose answer changes carry evidence. A test for two
independent proportions would not use this.
"""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.binomial import fair_coin
from precompute.measures.drops import Answers

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class FlipTable:
    """The predictions that change when a unit is silenced, of all units in one table.

    Parameters
    ----------
    unit, image, prediction : (flip,) integer arrays
        The unit that is silenced, the image whose prediction changes, and the new output.
    n_units : int
        Number of units, those without flips included.
    """

    unit: Ints
    image: Ints
    prediction: Ints
    n_units: int


@dataclass(frozen=True, eq=False)
class PairedCounts:
    """Numbers of images of each class that turn from right to wrong, and from wrong to right, when a unit is silenced.

    Parameters
    ----------
    lost, gained : (unit, class) integer arrays
        Images right with the unit and wrong without it; and images wrong with the unit and right without it.
    count : (class,) integer array
        Images of the class.
    """

    lost: Ints
    gained: Ints
    count: Ints

    @property
    def drop(self) -> Floats:
        """Accuracy lost, (unit, class), fractions in [-1, 1]; NaN for classes without images."""
        # One division of integers: equal fractions of different classes come out as equal numbers.
        return (self.lost - self.gained) / np.where(self.count, self.count, np.nan)

    @property
    def overall_drop(self) -> Floats:
        """Accuracy lost over the images of all classes together, (unit,), in [-1, 1]; NaN without images."""
        return np.asarray((self.lost - self.gained).sum(axis=1) / (self.count.sum() or np.nan))


def paired_counts(flips: FlipTable, before: Answers, images: Bools | None = None) -> PairedCounts:
    """Count the images of each class that are lost and gained without each unit.

    Parameters
    ----------
    flips : FlipTable
        The predictions that change.
    before : Answers
        The answers that they change.
    images : (image,) bool array, optional
        Which images to count, for instance one half; all when left out.

    Returns
    -------
    PairedCounts
        Flips from one wrong output to another count in neither.
    """
    counted = np.ones(len(before.label), dtype=bool) if images is None else images
    lost, gained = (
        _by_unit_and_class(flips, before, kept & counted[flips.image])
        for kept in right_changes(flips.image, flips.prediction, before)
    )
    return PairedCounts(lost, gained, np.bincount(before.label[counted], minlength=before.n_classes))


def right_changes(image: Ints, prediction: Ints, before: Answers) -> tuple[Bools, Bools]:
    """Say which flips lose an image and which gain one.

    Parameters
    ----------
    image, prediction : (flip,) integer arrays
        The images whose prediction changes, and their new top-1 outputs.
    before : Answers
        The answers that they change.

    Returns
    -------
    lost, gained : (flip,) bool arrays
        Right before and wrong after, and the other way round; both are false from one wrong output to another.
    """
    was_right = before.right[image]
    is_right = prediction == before.target[image]
    return was_right & ~is_right, ~was_right & is_right


def flip_rate(flips: FlipTable, n_images: int) -> Floats:
    """Fraction of the images whose prediction changes without each unit, right or wrong; it sets the chance level.

    Parameters
    ----------
    flips : FlipTable
        The predictions that change.
    n_images : int
        Images in all.

    Returns
    -------
    (unit,) array
        In [0, 1]; NaN without images.
    """
    return np.bincount(flips.unit, minlength=flips.n_units) / (n_images if n_images else np.nan)


def _by_unit_and_class(flips: FlipTable, before: Answers, kept: Bools) -> Ints:
    shape = flips.n_units, before.n_classes
    cell = flips.unit[kept] * before.n_classes + before.label[flips.image[kept]]
    return np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)


def mcnemar(lost: Ints, gained: Ints, *, mid: bool = False) -> Floats:
    r"""Exact McNemar test of the images lost against the images gained.

    It asks whether a fair coin could have split the changed images as unevenly into lost and gained.

    .. math:: p = \min\Big(1, \; 2 \sum_{i \le \min(b, c)} \binom{b+c}{i} 2^{-(b+c)}\Big)

    with b images lost and c gained. Counts are small, so the p-value can have only few values, and the exact test
    rejects less often than its level. The mid-p value counts outcomes as extreme as the data by half, and comes closer
    to the level.

    Parameters
    ----------
    lost, gained : integer arrays of one shape
        Images right before and wrong after, and the other way round.
    mid : bool
        Return the mid-p value.

    Returns
    -------
    array of that shape
        Two-sided p-values in (0, 1]; 1 where nothing changed, for then there is nothing to test.

    References
    ----------
    McNemar 1947, Psychometrika 12, 153-157. Fagerland, Lydersen, Laake 2013, "The McNemar test for binary
    matched-pairs data: mid-p and asymptotic are better than exact conditional", BMC Medical Research Methodology 13:91.
    """
    changed, fewer = lost + gained, np.minimum(lost, gained)
    at_most, exactly = fair_coin(changed, fewer)
    p = np.minimum(1, 2 * at_most)
    if not mid:
        return p
    # An even split is one outcome; any other split has a mirror image that is as extreme.
    as_extreme = np.where(2 * fewer == changed, exactly, 2 * exactly)
    return np.where(changed > 0, p - as_extreme / 2, 1)


def mcnemar_attainable(changed: int) -> Floats:
    """Return the p-values that the exact McNemar test can give for a number of changed images, ascending."""
    fewer = np.arange(changed // 2 + 1)
    return np.minimum(1, 2 * fair_coin(np.full(len(fewer), changed), fewer)[0])


def drop_interval(lost: Ints, gained: Ints, count: Ints, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Interval of a drop in accuracy, measured with and without the unit on the same images.

    Adjusted Wald interval for a difference of paired proportions: one image is added to those lost, one to those gained
    and two to the total, so that "0 of 5 lost" does not pass for certainty.

    Parameters
    ----------
    lost, gained, count : integer arrays of shapes that broadcast
        Images lost, images gained, images in all.
    level : float
        Share of intervals made in this way that contain the truth.


    Returns
    -------
    low, high : arrays
        Fractions in [-1, 1]; NaN where there are no images. Each interval is for its class alone: the largest of
        many drops is large partly by chance.

    References
    ----------
    Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data", Journal of Educational and Behavioral Statistics 37, 479-488.
    """
    low, high = adjusted_wald(lost - gained, lost + gained, count, level=level)
    return np.maximum(low, -1), np.minimum(high, 1)


def adjusted_wald(
    total: Ints, squares: Ints, count: Ints, *, largest: int = 1, level: float = 0.95
) -> tuple[Floats, Floats]:
    """Interval of the mean of whole numbers, after adding the largest and the smallest possible; see `drop_interval`.

    Parameters
    ----------
    total, squares, count : integer arrays of shapes that broadcast
        The sum of the numbers, the sum of their squares, and their count.
    largest : int
        The largest absolute value that a number can have.
    level : float
        How often intervals made in this way hold the truth.

    Returns
    -------
    low, high : arrays
        NaN where there are no numbers.
    """
    n = np.where(count > 0, count + 2.0, np.nan)
    middle = total / n
    margin = NormalDist().inv_cdf((1 + level) / 2) * np.sqrt(((squares + 2 * largest**2) / n - middle**2) / n)
    return middle - margin, middle + margin
