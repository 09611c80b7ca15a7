"""Network dissection: how well the places where a unit is most active coincide with the places of a concept."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


def n_above(n_positions: int, quantile: float = 0.005) -> int:
    """Return how many of so many positions may lie above the threshold at most."""
    return int(np.floor(quantile * n_positions + 1e-9))


def largest(held: Floats, values: Floats, keep: int) -> Floats:
    """Keep the largest activations of every unit while images come in by lots.

    Parameters
    ----------
    held : (unit, n) array
        What is held so far; (unit, 0) at first.
    values : (unit, position) array
        All positions of some more images.
    keep : int
        How many, at least 1: ``n_above(...) + 1`` of all the positions to come.

    Returns
    -------
    (unit, up to keep) array
        In no order.
    """
    both = np.concatenate([held, values], axis=1)
    if both.shape[1] <= keep:
        return both
    return np.partition(both, both.shape[1] - keep, axis=1)[:, -keep:]


def thresholds(held: Floats, n_positions: int, quantile: float = 0.005) -> Floats:
    r"""Threshold of every unit, exact: the smallest activation that at most a share of all positions exceeds.

    .. math:: P(a > T) \le q

    Parameters
    ----------
    held : (unit, n) array
        The largest activations over all images, at least ``n_above(n_positions, quantile) + 1``, from :func:`largest`.
    n_positions : int
        Positions of all images together.
    quantile : float
        The share q.

    Returns
    -------
    (unit,) array
        NaN where it is not above zero: a unit that is active at fewer positions than that would be called active
        everywhere, or on places picked by rounding.

    Raises
    ------
    ValueError
        Where too few activations are held.

    References
    ----------
    Bau, Zhou, Khosla, Oliva, Torralba 2017, "Network dissection" (arXiv:1704.05796).
    """
    place = n_above(n_positions, quantile)
    if held.shape[1] <= place:
        raise ValueError(f"Expected the {place + 1} largest activations of every unit, but got {held.shape[1]}.")
    threshold = np.partition(held, held.shape[1] - 1 - place, axis=1)[:, -1 - place]
    return np.where(threshold > 0, threshold, np.nan)


@dataclass(frozen=True, eq=False)
class Overlap:
    """Positions counted over some images; the counts of several lots of images add up.

    A concept is measured only on images that have some label of its category: elsewhere nobody looked for it.

    Parameters
    ----------
    both : (unit, concept) integer array
        Positions where the unit is active and the concept is.
    active : (unit, concept) integer array
        Positions where the unit is active, on the images that count for the concept.
    labelled : (concept,) integer array
        Positions of the concept.
    defined : (unit,) bool array
        Whether the unit has a threshold.
    """

    both: Ints
    active: Ints
    labelled: Ints
    defined: Bools

    @classmethod
    def of(cls, maps: Floats, threshold: Floats, masks: Bools, category: Ints) -> Self:
        """Count on some images.

        Parameters
        ----------
        maps : (image, unit, height, width) array
            The layer's output, enlarged to the size of the masks. A unit is active where it is strictly above its
            threshold.
        threshold : (unit,) array
            From :func:`thresholds`; NaN for none.
        masks : (image, concept, height, width) bool array
            Where each concept is.
        category : (concept,) integer array
            Category of each concept.
        """
        seen = _flat(maps > threshold[:, None, None])
        places = _flat(masks)
        size = places.sum(axis=2)
        same = category[:, None] == category
        counts = (size > 0) @ same
        # Products of float32 run at full speed, and hold whole numbers exactly up to 16 million positions an image.
        both = np.zeros((seen.shape[1], places.shape[1]), dtype=np.int64)
        for one, place in zip(seen, places, strict=True):
            both += (one.astype(np.float32) @ place.T.astype(np.float32)).astype(np.int64)
        active = seen.sum(axis=2).T @ counts.astype(np.int64)
        return cls(both, active, size.sum(axis=0), ~np.isnan(threshold))

    def __add__(self, other: Self) -> Self:
        """Put the images of both together."""
        return type(self)(
            self.both + other.both, self.active + other.active, self.labelled + other.labelled, self.defined
        )

    def iou(self) -> Floats:
        """Intersection over union of every unit and concept, over all positions together.

        It is not a mean over images: large things weigh more.

        Returns
        -------
        (unit, concept) array
            In [0, 1]; NaN for units without a threshold and concepts that are nowhere.
        """
        union = self.active + self.labelled - self.both
        return self.both / np.where(self.defined[:, None] & (self.labelled > 0), union, np.nan)


@dataclass(frozen=True, eq=False)
class Detectors:
    """What each unit detects, if anything.

    Parameters
    ----------
    concept : (unit,) array
        The concept with the largest intersection over union, the first among equals; NaN where none is defined.
    iou : (unit,) array
        That intersection over union.
    detects : (unit,) bool array
        Whether it is above the floor.
    """

    concept: Floats
    iou: Floats
    detects: Bools

    @property
    def n_unique(self) -> int:
        """Different concepts detected: the score of the layer."""
        return len(np.unique(self.concept[self.detects]))


def detectors(iou: Floats, *, floor: float = 0.04) -> Detectors:
    """Name the best concept of every unit, and say whether the unit detects it.

    Parameters
    ----------
    iou : (unit, concept) array
        NaN where undefined.
    floor : float
        A detector lies above it.

    Returns
    -------
    Detectors
    """
    known = np.where(np.isnan(iou), -1.0, iou)
    best = known.argmax(axis=1)
    top = known[np.arange(len(known)), best]
    return Detectors(np.where(top >= 0, best, np.nan), np.where(top >= 0, top, np.nan), top > floor)


def _flat(maps: Bools) -> Bools:
    """Put all positions of a map on one axis, of any number of images."""
    return maps.reshape(*maps.shape[:2], maps.shape[2] * maps.shape[3])
