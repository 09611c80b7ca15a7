"""Values of maps between their cells, by bilinear interpolation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def enlarge(maps: Floats, down: Floats, across: Floats) -> Floats:
    """Interpolate maps bilinearly.

    Between equal cells the value is exactly that of the cells, and no value is above the largest or below the smallest
    neighbouring cell, so that rounding does not carry a value across a threshold.

    Parameters
    ----------
    maps : (..., height, width) array
        The maps.
    down, across : (row,) and (column,) array
        Places, in cells from the centre of the first cell. Beyond the outermost centres the map has the value of its
        edge.

    Returns
    -------
    (..., row, column) array
        Of the type of `maps`.
    """
    tall = _along(np.swapaxes(maps, -1, -2), down)
    return _along(np.swapaxes(tall, -1, -2), across)


def _along(maps: Floats, places: Floats) -> Floats:
    """Interpolate along the last axis."""
    last = maps.shape[-1] - 1
    inside = np.clip(places, 0, last)
    low = np.floor(inside).astype(np.int64)
    high = np.minimum(low + 1, last)
    share = (inside - low).astype(maps.dtype)
    start, end = maps[..., low], maps[..., high]
    found = start + share * (end - start)
    return np.clip(found, np.minimum(start, end), np.maximum(start, end))
