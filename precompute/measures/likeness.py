"""Likeness of two maps of the same picture, independent of their scales."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.correlation import spearman

Floats = NDArray[np.floating[Any]]


def map_likeness(one: Floats, other: Floats) -> Floats:
    """Rank-correlate the absolute values of maps, pixel by pixel.

    Pixels where both maps are zero are left out, because every map is zero outside the pixels that a position depends
    on.

    Parameters
    ----------
    one, other : (map, row, column) arrays

    Returns
    -------
    (map,) array
        In [-1, 1]; NaN where fewer than three pixels are left, or a map has the same absolute value at all of them.

    References
    ----------
    Adebayo et al. 2018, "Sanity checks for saliency maps" (arXiv:1810.03292).
    """
    found = np.full(len(one), np.nan)
    for number, (a, b) in enumerate(zip(np.abs(one), np.abs(other), strict=True)):
        shown = (a > 0) | (b > 0)
        if shown.sum() >= 3:
            found[number] = spearman(a[shown].astype(np.float64), b[shown].astype(np.float64))
    return found
