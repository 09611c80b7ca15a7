"""Sparsity: how rarely a unit is active."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def zero_fraction(maps: Floats) -> Floats:
    """Fraction of zeros over images and positions (APoZ), of units at or behind a ReLU.

    It needs the maps themselves. Fractions of sets of images of equal size can be averaged. Where only the maximum and
    the mean over space are known, use :func:`silent_fraction`.

    Parameters
    ----------
    maps : (image, unit, ...) array
        The layer's output on some images.

    Returns
    -------
    (unit,) array
        In [0, 1]; NaN without images.

    References
    ----------
    Hu, Peng, Tai, Tang 2016, "Network trimming" (arXiv:1607.03250).
    """
    by_unit = np.moveaxis(maps, 1, 0).reshape(maps.shape[1], -1)
    n_numbers = by_unit.shape[1]
    return (by_unit == 0).sum(axis=1) / (n_numbers if n_numbers else np.nan)


def silent_fraction(largest: Floats, mean: Floats) -> Floats:
    """Fraction of the images on which the whole map is zero: our substitute for APoZ where maps are not stored.

    It is never larger than the APoZ of the same images.

    Parameters
    ----------
    largest, mean : (unit, image) arrays
        Maximum and mean over space.

    Returns
    -------
    (unit,) array
        In [0, 1], 1 for dead units; NaN without images.
    """
    n_images = largest.shape[1]
    return ((largest == 0) & (mean == 0)).sum(axis=1) / (n_images if n_images else np.nan)


def hoyer(activation: Floats) -> Floats:
    r"""Hoyer's sparsity of a unit's activations over the images.

    .. math:: \frac{\sqrt{n} - \|a\|_1 / \|a\|_2}{\sqrt{n} - 1}

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image.

    Returns
    -------
    (unit,) array
        In [0, 1]: 0 where all images give the same absolute value, 1 where only a single image activates the unit. NaN
        for dead units and for fewer than two images.

    References
    ----------
    Hoyer 2004, "Non-negative matrix factorization with sparseness constraints", Journal of Machine Learning Research
    5, 1457-1469.
    """
    size = np.abs(activation.astype(np.float64))
    n_images = size.shape[1]
    if n_images < 2:
        return np.full(len(size), np.nan)
    largest = size.max(axis=1, keepdims=True)
    # Scaled first, because squares of very small activations would underflow to zero.
    scaled = size / np.where(largest > 0, largest, np.nan)
    ratio = scaled.sum(axis=1) / np.sqrt((scaled**2).sum(axis=1))
    return np.clip((np.sqrt(n_images) - ratio) / (np.sqrt(n_images) - 1), 0, 1)


def lifetime_sparsity(activation: Floats) -> Floats:
    r"""Lifetime sparseness of a unit over the images.

    .. math:: \frac{1 - \overline{a}^2 / \overline{a^2}}{1 - 1/n}

    Parameters
    ----------
    activation : (unit, image) array
        Activations that are nowhere below zero.

    Returns
    -------
    (unit,) array
        In [0, 1]: 0 where all images give the same activation, 1 where only a single image activates the unit. NaN for
        dead units and for fewer than two images.

    Raises
    ------
    ValueError
        When an activation is below zero: positive and negative ones cancel in the mean.

    References
    ----------
    Vinje and Gallant 2000, "Sparse coding and decorrelation in primary visual cortex during natural vision", Science
    287, 1273-1276, after Rolls and Tovee 1995.
    """
    if (activation < 0).any():
        raise ValueError("Expected activations that are nowhere below zero, but got negative ones.")
    rate = activation.astype(np.float64)
    n_images = rate.shape[1]
    if n_images < 2:
        return np.full(len(rate), np.nan)
    largest = rate.max(axis=1, keepdims=True)
    scaled = rate / np.where(largest > 0, largest, np.nan)
    return np.clip((1 - scaled.mean(axis=1) ** 2 / (scaled**2).mean(axis=1)) / (1 - 1 / n_images), 0, 1)
