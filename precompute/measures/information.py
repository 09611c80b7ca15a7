"""Mutual information between a unit's activation and the class of the image, in bits.

It finds units that class selectivity misses: a unit that separates two equal groups of classes tells one bit about the
class and prefers no class.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.shuffles import ShuffleNull, label_shuffle_null

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def quantile_bins(activation: Floats, *, n_bins: int = 32) -> Ints:
    """Sort each unit's activations into bins with about equal numbers of images; zero is a separate bin.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image. Rectified units are exactly zero on many images, which no quantile should divide.
    n_bins : int
        Bins for the numbers other than zero. Equal numbers share a bin, so some may stay empty.

    Returns
    -------
    (unit, image) integer array
        0 for zero, 1 ... n_bins, rising with the activation, for the rest.
    """
    bins = np.zeros(activation.shape, dtype=np.int64)
    inner = np.arange(1, n_bins) / n_bins
    for row, place in zip(activation, bins, strict=True):
        other = row != 0
        if other.any():
            values = row[other].astype(np.float64)
            place[other] = 1 + np.searchsorted(np.quantile(values, inner), values, side="right")
    return bins


def mutual_information(bins: Ints, label: Ints) -> Floats:
    r"""Mutual information of bin and class, corrected for the number of images.

    .. math:: I = \hat H(X) + \hat H(Y) - \hat H(X, Y), \qquad
              \hat H = -\sum p \log_2 p + \frac{K - 1}{2 N \ln 2}

    with K occupied cells among N images (Miller and Madow): few images in many cells look informative by chance, and
    the correction takes most of that away where images outnumber cells by far. Elsewhere compare with the null.

    Parameters
    ----------
    bins : (unit, image) integer array
        From :func:`quantile_bins`.
    label : (image,) integer array
        Class of each image.

    Returns
    -------
    (unit,) array
        Bits. The correction makes it negative for units that tell less than expected by chance. NaN for units that do
        not vary, such as dead ones, and without images.

    References
    ----------
    Miller 1955, "Note on the bias of information estimates". Morcos et al. 2018, arXiv:1803.06959, for its use on
    units.
    """
    if bins.size == 0:
        return np.full(len(bins), np.nan)
    _, code = np.unique(label, return_inverse=True)
    n_codes = int(code.max()) + 1
    of_class = _entropy(np.bincount(code))
    found = np.empty(len(bins))
    for unit, row in enumerate(bins):
        alone = np.bincount(row)
        together = np.bincount(row * n_codes + code)
        varies = np.count_nonzero(alone) > 1
        found[unit] = _entropy(alone) + of_class - _entropy(together) if varies else np.nan
    return found


def information(activation: Floats, label: Ints, *, n_bins: int = 32, draws: int = 100, seed: int = 0) -> ShuffleNull:
    """Mutual information of every unit with the class, beside what shuffled labels give.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image.
    label : (image,) integer array
        Class of each image.
    n_bins : int
        Bins for the numbers other than zero.
    draws, seed : int
        Shuffles, and where they start.

    Returns
    -------
    ShuffleNull
        (unit,) arrays, in bits except for the p-value.
    """
    bins = quantile_bins(activation, n_bins=n_bins)
    return label_shuffle_null(lambda labels: mutual_information(bins, labels), label, draws=draws, seed=seed)


def _entropy(count: Ints) -> float:
    """Entropy of counts in bits, with the correction of Miller and Madow."""
    held = count[count > 0]
    total = held.sum()
    share = held / total
    return float(-(share * np.log2(share)).sum() + (len(held) - 1) / (2 * total * np.log(2)))
