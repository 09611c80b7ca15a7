"""Which images to show for a unit: the strongest, the weakest, and steps in between.

Images are ranked by the maximum of the unit's map, ties by its mean, remaining ties by a checksum of the image's path:
layers that saturate or rest at zero tie on half of all images, and file order would show one class everywhere.
"""

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def path_checksums(paths: Sequence[str]) -> Ints:
    """Return the CRC-32 of every path, (image,)."""
    return np.array([zlib.crc32(path.encode("utf-8", "surrogateescape")) for path in paths], dtype=np.int64)


def top(largest: Floats, mean: Floats, checksum: Ints, k: int) -> tuple[Ints, int]:
    """Choose the k images that drive a unit most.

    Parameters
    ----------
    largest, mean : (image,) arrays
        Maximum and mean of the unit's map.
    checksum : (image,) integer array
        Breaks the remaining ties, lower first.
    k : int
        How many; at most the number of images.

    Returns
    -------
    image : (k,) integer array
        Strongest first.
    tied : int
        Size of the group of images, equal in maximum and mean, that the choice cuts through; 0 where it cuts none.
    """
    return _first(np.lexsort((checksum, -mean, -largest)), largest, mean, k)


def bottom(largest: Floats, mean: Floats, checksum: Ints, k: int) -> tuple[Ints, int]:
    """Choose the k images that drive a unit least, weakest first; as :func:`top` otherwise."""
    return _first(_ascending(largest, mean, checksum), largest, mean, k)


def quantile(largest: Floats, mean: Floats, checksum: Ints, k: int) -> tuple[Ints, int]:
    """Choose k images at even steps from the weakest to the strongest.

    They stand at ranks round(j (N - 1) / (k - 1)), j = 0 ... k - 1, of the ascending order; the first alone for k = 1.

    Returns
    -------
    image : (k,) integer array
        Weakest first.
    tied : int
        Size of the largest group of images, equal in maximum and mean, that an image was chosen from; 0 where every
        image chosen differs from all others.
    """
    order = _ascending(largest, mean, checksum)
    rank = np.rint(np.linspace(0, len(order) - 1, k)).astype(np.int64)
    sizes = _tie_sizes(largest[order], mean[order])[rank]
    tied = int(sizes.max(initial=0))
    return order[rank], tied if tied > 1 else 0


def _ascending(largest: Floats, mean: Floats, checksum: Ints) -> Ints:
    return np.lexsort((checksum, mean, largest))


def _first(order: Ints, largest: Floats, mean: Floats, k: int) -> tuple[Ints, int]:
    if k >= len(order):
        return order, 0
    last, following = order[k - 1], order[k]
    if largest[last] != largest[following] or mean[last] != mean[following]:
        return order[:k], 0
    return order[:k], int(((largest == largest[last]) & (mean == mean[last])).sum())


def _tie_sizes(largest: Floats, mean: Floats) -> Ints:
    """Size of the group of equals that each element of two jointly sorted arrays belongs to."""
    starts = np.r_[True, (np.diff(largest) != 0) | (np.diff(mean) != 0)]
    group = np.cumsum(starts) - 1
    return np.bincount(group)[group]
