"""Exemplars of every unit of a layer, and the units' maps on them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from precompute.measures.exemplars import RANKINGS, Ranking


@dataclass(frozen=True, eq=False)
class Choice:
    """Exemplars of some units: images (unit, exemplar), values (unit, exemplar), ties (unit,)."""

    image: np.ndarray
    value: np.ndarray
    tied: np.ndarray


def choose(largest: np.ndarray, mean: np.ndarray, checksum: np.ndarray, *, k: int) -> dict[str, Choice]:
    """Choose exemplars of every kind for some units.

    Parameters
    ----------
    largest, mean
        (unit, image) maximum and mean over space.
    checksum
        (image,) of `precompute.measures.exemplars.path_checksums`.
    k
        How many exemplars of each kind; all images where there are fewer.

    Returns
    -------
    dict of str to Choice
        Under ``top``, ``bottom`` and ``quantile``.
    """
    k = min(k, largest.shape[1])
    return {kind: _ranked(rank, largest, mean, checksum, k) for kind, rank in RANKINGS.items()}


def _ranked(rank: Ranking, largest: np.ndarray, mean: np.ndarray, checksum: np.ndarray, k: int) -> Choice:
    chosen = [rank(largest[unit], mean[unit], checksum, k) for unit in range(len(largest))]
    image = np.array([images for images, _ in chosen], dtype=np.int32).reshape(len(largest), k)
    tied = np.array([ties for _, ties in chosen], dtype=np.int32)
    return Choice(image, np.take_along_axis(largest, image.astype(np.int64), axis=1), tied)


@dataclass(frozen=True, eq=False)
class Wanted:
    """Pairs of a unit and one of its exemplars whose image is among some images; each (pair,), by unit, then slot.

    Parameters
    ----------
    unit, slot
        The unit, and the exemplar's place in the concatenation of the unit's lists.
    row
        The row of the exemplar's image among these images.
    """

    unit: np.ndarray
    slot: np.ndarray
    row: np.ndarray

    def __len__(self) -> int:
        return len(self.unit)

    def take(self, pairs: np.ndarray) -> "Wanted":
        """Return some of the pairs, by a mask or by their positions."""
        return Wanted(self.unit[pairs], self.slot[pairs], self.row[pairs])


def wanted(image: np.ndarray, at_hand: Sequence[int]) -> Wanted:
    """Find the exemplars whose image is among the images at hand.

    Parameters
    ----------
    image
        (unit, slot) images of all the exemplars of a layer, whatever their kinds.
    at_hand
        The images at hand, sorted.
    """
    images = np.asarray(at_hand)
    row = np.searchsorted(images, image).clip(max=len(images) - 1)
    unit, slot = np.nonzero(images[row] == image)
    return Wanted(unit, slot, row[unit, slot])
