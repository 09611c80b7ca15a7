"""Maps at other places than their cells: bilinear interpolation."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def enlarge(maps: Floats, down: Floats, across: Floats) -> Floats:
    """Interpolate maps bilinearly.

    Between equal cells the value is exactly theirs, and nowhere is it above the largest cell or below the smallest:
    what is compared with a threshold must not cross it by rounding.

    Parameters
    ----------
    maps : (..., height, width) array
        The maps.
    down, across : (row,) and (column,) array
        Where to look, in cells from the centre of the first. Beyond the outermost centres the map goes on as it ends.

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
