"""Exemplars of a unit: the strongest images, the weakest, and steps in between.

Images are ranked by the maximum of the unit's map, ties by its mean, remaining ties by a checksum of the image's path:
layers that saturate or rest at zero tie on half of all images, and file order would show one class everywhere.
"""

import zlib
from collections.abc import Callable, Sequence
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
        Breaks the remaining ties, lower first; images alike in this too keep their order.
    k : int
        How many, at least 1; all images where there are fewer.

    Returns
    -------
    image : (k,) integer array
        Strongest first.
    tied : int
        Size of the group of images, equal in maximum and mean, that the choice cuts through; 0 where it cuts none.
    """
    order = np.lexsort((checksum, -mean, -largest))
    return _choose(order, largest, mean, np.arange(min(k, len(order))))


def bottom(largest: Floats, mean: Floats, checksum: Ints, k: int) -> tuple[Ints, int]:
    """Choose the k images that drive a unit least, weakest first; as :func:`top` otherwise."""
    order = _ascending(largest, mean, checksum)
    return _choose(order, largest, mean, np.arange(min(k, len(order))))


def quantile(largest: Floats, mean: Floats, checksum: Ints, k: int) -> tuple[Ints, int]:
    """Choose k images at even steps from the weakest to the strongest.

    They are at ranks round(j (N - 1) / (k - 1)), j = 0 ... k - 1, halves rounded to even, of the ascending order; for k
    = 1 only the weakest image is chosen. Parameters are those of :func:`top`.

    Returns
    -------
    image : (k,) integer array
        Weakest first.
    tied : int
        Size of the largest group of images, equal in maximum and mean, that the choice cuts through; 0 where it cuts
        none.
    """
    order = _ascending(largest, mean, checksum)
    k = min(k, len(order))
    # A quotient of integers is exact at the halves; np.linspace would miss them by a rounding error.
    rank = np.rint(np.arange(k) * (len(order) - 1) / max(1, k - 1)).astype(np.int64)
    return _choose(order, largest, mean, rank)


Ranking = Callable[[Floats, Floats, Ints, int], tuple[Ints, int]]
"""From a unit's maxima, means and checksums, (image,) each, and a number k: k images, and how many are tied."""

RANKINGS: dict[str, Ranking] = {"top": top, "bottom": bottom, "quantile": quantile}
"""The rule for each kind of exemplar list."""


def _ascending(largest: Floats, mean: Floats, checksum: Ints) -> Ints:
    return np.lexsort((checksum, mean, largest))


def _choose(order: Ints, largest: Floats, mean: Floats, rank: Ints) -> tuple[Ints, int]:
    """Take the images at some ranks of an order, and the size of the largest group of equals taken in part."""
    group = _groups(largest[order], mean[order])
    size = np.bincount(group)
    taken = np.bincount(group[rank], minlength=len(size))
    return order[rank], int(size[(taken > 0) & (taken < size)].max(initial=0))


def _groups(largest: Floats, mean: Floats) -> Ints:
    """Give equals in two jointly sorted arrays the same number, rising from 0."""
    differs = (largest[1:] != largest[:-1]) | (mean[1:] != mean[:-1])
    return np.cumsum(np.r_[False, differs])
