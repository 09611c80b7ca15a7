"""The units of a layer that fire most on each image: the converse of exemplars, the images that drive a unit most.

Units are ranked by the raw maximum of their maps, ties by the mean, remaining ties by the lower unit number. Units of
one layer differ in scale, so a unit with large activations everywhere ranks high on many images.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

N_STRONGEST = 10
"""How many units a store names for each image; all of them in a layer of fewer."""


def strongest_units(blocks: Iterable[tuple[Floats, Floats]], k: int = N_STRONGEST) -> tuple[Ints, Floats]:
    """Choose the k units that fire most on each image.

    Parameters
    ----------
    blocks : iterable of pairs of (unit, image) arrays
        Maximum and mean of the units' maps; each block is a run of units, in order from unit 0. NaN ranks below all
        other values.
    k : int
        How many, at least 1; all units where there are fewer.

    Returns
    -------
    unit : (image, k) integer array
        Strongest first.
    value : (image, k) array
        Their maxima.

    Raises
    ------
    ValueError
        Where there is no unit.
    """
    n_seen = 0
    held: tuple[Ints, Floats, Floats] | None = None
    for largest, mean in blocks:
        unit = np.broadcast_to(np.arange(n_seen, n_seen + len(largest))[:, None], largest.shape)
        n_seen += len(largest)
        if held is not None:
            parts = zip(held, (unit, largest, mean), strict=True)
            unit, largest, mean = (np.concatenate(part) for part in parts)
        held = _strongest(unit, largest, mean, k)
    if held is None:
        raise ValueError("Expected at least one unit, got none.")
    return held[0].T, held[1].T


def _strongest(unit: Ints, largest: Floats, mean: Floats, k: int) -> tuple[Ints, Floats, Floats]:
    """Keep the best k of some units for each image, (unit, image) each; in order."""
    n_units, n_images = largest.shape
    k = min(k, n_units)
    size = np.where(np.isnan(largest), -np.inf, largest)
    # Only values that reach the k-th largest are sorted: sorting all would be far slower.
    least = np.partition(size, n_units - k, axis=0)[n_units - k]
    row, image = np.nonzero(size >= least)
    tie = np.where(np.isnan(mean), -np.inf, mean)
    order = np.lexsort((unit[row, image], -tie[row, image], -size[row, image], image))
    first = np.searchsorted(image[order], np.arange(n_images))
    taken = order[first + np.arange(k)[:, None]]
    chosen = row[taken], image[taken]
    return unit[chosen], largest[chosen], mean[chosen]
