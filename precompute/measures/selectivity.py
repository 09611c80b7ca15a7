"""Class selectivity: how much a unit prefers one class to the others."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def class_means(activation: Floats, label: Ints, n_classes: int) -> Floats:
    """Average each unit's activation over the images of each class.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.

    Returns
    -------
    (unit, class) float64 array
        NaN for classes without images.
    """
    count = np.bincount(label, minlength=n_classes)
    totals = np.empty((len(activation), n_classes))
    for unit, row in enumerate(activation):
        totals[unit] = np.bincount(label, weights=row, minlength=n_classes)
    return totals / np.where(count, count, np.nan)


def class_selectivity(class_mean: Floats) -> tuple[Floats, Floats]:
    r"""Class selectivity index of every unit, and the class it prefers.

    .. math:: s = \frac{\mu_{max} - \mu_{rest}}{\mu_{max} + \mu_{rest}}

    where :math:`\mu_{max}` is the largest class mean and :math:`\mu_{rest}` the unweighted mean of the other classes'
    means. 0: the same for every class; 1: silent for all classes but one.

    Parameters
    ----------
    class_mean : (unit, class) array
        Class means of an activation that is nowhere below zero; NaN for classes without images.

    Returns
    -------
    index : (unit,) array
        In [0, 1]; NaN for units that are silent on every class, and where fewer than two classes have images.
    preferred : (unit,) array
        Class of the largest mean, the first among equals; NaN where the index is.

    Raises
    ------
    ValueError
        When a class mean is below zero: the index leaves its range there.

    References
    ----------
    Morcos, Barrett, Rabinowitz, Botvinick 2018, "On the importance of single directions for generalization"
    (arXiv:1803.06959).
    """
    present = ~np.isnan(class_mean).all(axis=0)
    if (class_mean[:, present] < 0).any():
        raise ValueError("Expected class means of an activation that is nowhere below zero, but got negative ones.")
    n_units, n_present = len(class_mean), int(present.sum())
    if n_present < 2:
        return np.full(n_units, np.nan), np.full(n_units, np.nan)
    mean = class_mean[:, present].astype(np.float64)
    best = mean.argmax(axis=1)
    largest = mean[np.arange(n_units), best]
    rest = (mean.sum(axis=1) - largest) / (n_present - 1)
    silent = largest + rest == 0
    # The mean of equal numbers may come out a rounding error above them.
    index = np.maximum(largest - rest, 0) / np.where(silent, np.nan, largest + rest)
    preferred = np.where(silent, np.nan, np.flatnonzero(present)[best])
    return index, preferred


def selectivity_for(class_mean: Floats, label: int) -> Floats:
    r"""Class selectivity of every unit for one given class, whether or not it is the one that the unit prefers.

    .. math:: s_c = \frac{\mu_c - \mu_{rest}}{\mu_c + \mu_{rest}}

    with the means of :func:`class_selectivity`, :math:`\mu_c` in place of the largest.

    Parameters
    ----------
    class_mean : (unit, class) array
        Class means of an activation that is nowhere below zero; NaN for classes without images.
    label : int
        The class.

    Returns
    -------
    (unit,) array
        In [-1, 1]; NaN for units that are silent on every class, and where the class or all others have no images.
    """
    present = np.asarray(~np.isnan(class_mean).all(axis=0))
    n_others = int(present.sum()) - 1
    if not present[label] or n_others < 1:
        return np.full(len(class_mean), np.nan)
    own = class_mean[:, label].astype(np.float64)
    rest = (class_mean[:, present].astype(np.float64).sum(axis=1) - own) / n_others
    total = own + rest
    return (own - rest) / np.where(total > 0, total, np.nan)
