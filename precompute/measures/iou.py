"""Network dissection: how well the places where a unit is most active coincide with the places of a concept."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


def n_above(n_positions: int, quantile: float = 0.005) -> int:
    """Return the most positions, out of `n_positions`, that may lie above the threshold."""
    return int(np.floor(quantile * n_positions + 1e-9))


def largest(held: Floats, values: Floats, keep: int) -> Floats:
    """Keep the largest activations of every unit while images arrive in batches.

    Parameters
    ----------
    held : (unit, n) array
        The activations held so far; (unit, 0) at first.
    values : (unit, position) array
        All positions of some more images.
    keep : int
        How many to keep, at least 1: ``n_above(...) + 1`` for the total number of positions.

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
        NaN where the threshold is not above zero: a unit that is active at fewer positions than the share would count
        as active everywhere, or at positions picked by rounding. NaN too where no activation lies above the threshold:
        a unit that saturates at more positions than the share has no most active positions among them.

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
    return np.where((threshold > 0) & (held.max(axis=1) > threshold), threshold, np.nan)


@dataclass(frozen=True, eq=False)
class Active:
    """The places where units are active, as a list, which is short because units are active at few positions.

    Parameters
    ----------
    image, unit, position : (place,) integer array
        Every image, unit and position whose activation is strictly above the unit's threshold.
    """

    image: Ints
    unit: Ints
    position: Ints

    @classmethod
    def of(cls, maps: Floats, threshold: Floats) -> Self:
        """List the places of some maps.

        Parameters
        ----------
        maps : (image, unit, position) array
            The layer's output, enlarged to the size of the masks.
        threshold : (unit,) array
            From :func:`thresholds`; a unit with a NaN threshold is active nowhere.
        """
        return cls(*np.nonzero(maps > threshold[:, None]))

    def against(self, shift: int, n_images: int) -> Self:
        """Move every image's places to the image `shift` further on, in a circle, to compare them with its masks."""
        return type(self)((self.image + shift) % n_images, self.unit, self.position)


@dataclass(frozen=True, eq=False)
class ConceptLabels:
    """Where concepts are, on some images.

    Parameters
    ----------
    planes : (image, plane, position) integer array
        The concept at every position, -1 for none. Concepts that lie over each other are in several planes.
    category : (concept,) integer array
        Category of each concept, from 0.
    counts : (image, category) bool array
        Whether the image has any label of the category; otherwise the image was not labelled for it.
    size : (concept,) integer array
        Positions of each concept.
    n_images : (concept,) integer array
        Images that show each concept.
    """

    planes: Ints
    category: Ints
    counts: Bools
    size: Ints
    n_images: Ints

    @classmethod
    def of(cls, planes: Ints, category: Ints) -> Self:
        """Count the concepts in planes. No two planes of an image may have the same concept at the same position."""
        n_images, n_concepts = len(planes), len(category)
        # One more bin than concepts: the first is for "none".
        bins = np.arange(n_images)[:, None, None] * (n_concepts + 1) + planes + 1
        size = np.bincount(bins.ravel(), minlength=n_images * (n_concepts + 1))
        size = size.reshape(n_images, n_concepts + 1)[:, 1:]
        members = category[:, None] == np.arange(category.max(initial=-1) + 1)
        return cls(planes, category, (size > 0) @ members, size.sum(axis=0), (size > 0).sum(axis=0))


@dataclass(frozen=True, eq=False)
class Overlap:
    """Counts of positions over some images; counts of several sets of images can be added.

    Parameters
    ----------
    both : (unit, concept) integer array
        Positions where the unit is active and the concept is.
    active : (unit, category) integer array
        Positions where the unit is active, on the images that have any label of the category.
    labelled : (concept,) integer array
        Positions of the concept.
    category : (concept,) integer array
        Category of each concept.
    """

    both: Ints
    active: Ints
    labelled: Ints
    category: Ints

    @classmethod
    def of(cls, active: Active, labels: ConceptLabels, *, n_units: int) -> Self:
        """Count on some images.

        Parameters
        ----------
        active : Active
            Where units are active.
        labels : ConceptLabels
            Where concepts are.
        n_units : int
            Units of the layer.
        """
        n_bins = len(labels.category) + 1
        both = np.zeros(n_units * n_bins, dtype=np.int64)
        for plane in range(labels.planes.shape[1]):
            seen = labels.planes[active.image, plane, active.position]
            both += np.bincount(active.unit * n_bins + seen + 1, minlength=len(both))
        places = np.zeros((n_units, labels.counts.shape[1]), dtype=np.int64)
        for category, counts in enumerate(labels.counts.T):
            places[:, category] = np.bincount(active.unit[counts[active.image]], minlength=n_units)
        return cls(both.reshape(n_units, n_bins)[:, 1:], places, labels.size, labels.category)

    def __add__(self, other: Self) -> Self:
        """Return the counts over the images of both."""
        return type(self)(
            self.both + other.both, self.active + other.active, self.labelled + other.labelled, self.category
        )

    def iou(self, threshold: Floats) -> Floats:
        """Intersection over union of every unit and concept, over all positions together.

        It is not a mean over images, so large objects weigh more.

        Parameters
        ----------
        threshold : (unit,) array
            NaN for units that have none.

        Returns
        -------
        (unit, concept) array
            In [0, 1]; NaN for units without a threshold and for concepts that appear on no image.
        """
        union = self.active[:, self.category] + self.labelled - self.both
        return self.both / np.where(~np.isnan(threshold)[:, None] & (self.labelled > 0), union, np.nan)


@dataclass(frozen=True, eq=False)
class Detectors:
    """The concept that each unit detects, if any.

    Parameters
    ----------
    concept : (unit,) array
        The concept with the largest intersection over union, the first among equals; NaN where none is defined.
    iou : (unit,) array
        That intersection over union.
    detects : (unit,) bool array
        Whether the intersection over union is above the floor.
    """

    concept: Floats
    iou: Floats
    detects: Bools

    @property
    def n_unique(self) -> int:
        """Number of different concepts detected: the score of the layer."""
        return len(np.unique(self.concept[self.detects]))


def detectors(iou: Floats, *, floor: float = 0.04) -> Detectors:
    """Name the best concept of every unit, and say whether the unit detects it.

    Parameters
    ----------
    iou : (unit, concept) array
        NaN where undefined.
    floor : float
        A unit detects its concept where the intersection over union is above this.

    Returns
    -------
    Detectors
    """
    known = np.where(np.isnan(iou), -1.0, iou)
    best = known.argmax(axis=1)
    top = known[np.arange(len(known)), best]
    return Detectors(np.where(top >= 0, best, np.nan), np.where(top >= 0, top, np.nan), top > floor)
