"""A unit as a detector of a class: how well its activation alone finds the images of that class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.ranks import average_ranks

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def one_against_rest(activation: Floats, label: Ints, n_classes: int) -> Floats:
    """Area under the ROC curve of every unit for every class against all others.

    The probability that the unit answers an image of the class more strongly than an image of another class; a tie
    counts half, which matters for rectified units that rest at zero.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image, without NaN.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.

    Returns
    -------
    (unit, class) array
        In [0, 1]; 0.5 for chance, below it for units that the class silences. NaN for classes without images or with
        all of them.

    References
    ----------
    Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating characteristic (ROC) curve",
    Radiology 143, 29-36.
    """
    count = np.bincount(label, minlength=n_classes)
    pairs = count * (len(label) - count)
    found = np.empty((len(activation), n_classes))
    for unit, row in enumerate(activation):
        rank_sum = np.bincount(label, weights=average_ranks(row), minlength=n_classes)
        found[unit] = (rank_sum - count * (count + 1) / 2) / np.where(pairs, pairs, np.nan)
    return found


def precision_at_k(activation: Floats, label: Ints, n_classes: int, *, k: int) -> Floats:
    """Share of each class among the k images that drive a unit most.

    Where images tie at the cut, it is the average over all ways to choose among them.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image, without NaN.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.
    k : int
        How many images, at least 1; all where there are fewer.

    Returns
    -------
    (unit, class) array
        In [0, 1]; adds up to 1 over the classes. The class's share of all images is chance. NaN without images.
    """
    k = min(k, len(label))
    if not k:
        return np.full((len(activation), n_classes), np.nan)
    found = np.empty((len(activation), n_classes))
    for unit, row in enumerate(activation):
        cut = np.partition(row, -k)[-k]
        above = np.bincount(label[row > cut], minlength=n_classes)
        tied = np.bincount(label[row == cut], minlength=n_classes)
        found[unit] = (above + tied * (k - above.sum()) / tied.sum()) / k
    return found
