"""Colour selectivity: how far a unit's activation depends on colour."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def colour_selectivity(colour: Floats, grey: Floats) -> Floats:
    r"""Colour selectivity index: how much of its activation a unit loses when its best images turn grey.

    .. math:: 1 - \frac{\sum_j a(\text{grey image}_j)}{\sum_j a(\text{image}_j)}

    Parameters
    ----------
    colour, grey : (unit, exemplar) arrays
        The unit's activation, nowhere below zero, on its strongest images and on the same images in grey.

    Returns
    -------
    (unit,) array
        At most 1. At 1 the unit is silent without colour, at 0 colour makes no difference, and below 0 grey images
        drive the unit more. NaN for units that are zero on all the images in colour.

    Raises
    ------
    ValueError
        When an activation is below zero: the ratio means nothing there.

    References
    ----------
    Rafegas, Vanrell, Alexandre and Arias 2020, "Understanding trained CNNs by indexing neuron selectivity", Pattern
    Recognition Letters 136, 318-325 (arXiv:1702.00382, 2017).
    """
    if (colour < 0).any() or (grey < 0).any():
        raise ValueError("Expected activations that are nowhere below zero, but got negative ones.")
    driven = colour.sum(axis=1, dtype=np.float64)
    return 1 - grey.sum(axis=1, dtype=np.float64) / np.where(driven > 0, driven, np.nan)


def weight_chroma(weight: Floats) -> Floats:
    r"""Share of a first-layer kernel's energy that answers to colour differences, not to brightness.

    .. math:: 1 - \frac{\sum_{ij} (r + g + b)_{ij}^2 / 3}{\sum_{ij} (r^2 + g^2 + b^2)_{ij}}

    Parameters
    ----------
    weight : (unit, channel, ...) array
        Kernels over red, green and blue.

    Returns
    -------
    (unit,) array
        In [0, 1]: 0 for a kernel that is grey everywhere, 1 for one that a grey image does not drive. Random weights
        give 2/3. NaN for kernels of zeros.

    Raises
    ------
    ValueError
        When there are not three channels.
    """
    if weight.shape[1] != 3:
        raise ValueError(f"Expected kernels over red, green and blue, but got {weight.shape[1]} channels.")
    values = weight.astype(np.float64).reshape(len(weight), 3, -1)
    energy = (values**2).sum(axis=(1, 2))
    grey = (values.sum(axis=1) ** 2).sum(axis=1) / 3
    return np.clip(1 - grey / np.where(energy > 0, energy, np.nan), 0, 1)
