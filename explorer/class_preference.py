"""The class that a unit answers to on average, and the classes of its strongest images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.preferred import preferred_classes, times_interval
from precompute.measures.selectivity import class_means
from precompute.store.reader import Layer, Store

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_ROUNDING = 1e-6
_WITHOUT_LISTS = 25
"""How many images count as a unit's strongest in a store without lists: the default of a run's lists."""


@dataclass(frozen=True, eq=False)
class Profile:
    """How strongly a unit answers to each class, with the same means as class selectivity.

    Parameters
    ----------
    mean : (class,) array
        Mean over the images of the class of the activation, or of its positive part where the layer goes below zero;
        never negative. NaN for classes without images.
    preferred : tuple of int
        The few classes one of which it answers to most, see :func:`precompute.measures.preferred.preferred_classes`;
        empty where the images do not settle this.
    signed : bool
        Whether the layer goes below zero.
    tested : bool
        Whether `preferred` was tested. A store of sums does not allow it.
    times : (float, float)
        The 95 % interval of :attr:`ratio`; NaN where there is none.
    """

    mean: Floats
    preferred: tuple[int, ...]
    signed: bool
    tested: bool = True
    times: tuple[float, float] = (float("nan"), float("nan"))

    @property
    def silent(self) -> bool:
        """Whether no class has a mean above zero."""
        return not (self.mean > 0).any()

    @property
    def even(self) -> bool:
        """Whether the means of all classes are equal but for rounding."""
        known = self.mean[~np.isnan(self.mean)]
        return bool(np.ptp(known) <= _ROUNDING * np.abs(known).max())

    @property
    def highest(self) -> int:
        """The class of the highest mean, settled or not."""
        return int(np.nanargmax(self.mean))

    @property
    def best(self) -> int | None:
        """The class that it answers to most, where this is settled; otherwise None."""
        return self.preferred[0] if len(self.preferred) == 1 and not self.silent else None

    @property
    def ratio(self) -> float:
        """The mean of `best` over the mean of the other classes' means; infinite where it is 0, NaN without `best`."""
        best = self.best
        others = np.delete(self.mean, best) if best is not None else np.array([])
        others = others[~np.isnan(others)]
        if best is None or not len(others):
            return float("nan")
        rest = float(others.mean())
        return float(self.mean[best]) / rest if rest else float("inf")

    @property
    def ratio_settled(self) -> bool:
        """Whether the images settle :attr:`ratio` to a factor of two either way; also where it is infinite."""
        low, high = self.times
        return self.ratio == float("inf") or high <= 4 * low


def profile_of(store: Store, layer: Layer, unit: int) -> Profile:
    """Return how strongly a unit answers to each class."""
    if not layer.keeps_all:
        means = layer.class_mean if layer.class_positive_mean is None else layer.class_positive_mean
        return Profile(np.asarray(means[unit], dtype=np.float64), (), layer.goes_below_zero, tested=False)
    activation, n_classes = layer.activation(unit), len(store.classes)
    label = np.asarray(store.images.label)
    signed = activation.positive_mean is not None
    # A layer without stored positive means never goes below zero.
    counted = np.maximum(activation.mean, 0) if activation.positive_mean is None else activation.positive_mean
    mean = class_means(counted[None], label, n_classes)[0]
    preferred = preferred_classes(counted, label, n_classes)
    if len(preferred) != 1:
        return Profile(mean, preferred, signed)
    return Profile(mean, preferred, signed, times=times_interval(counted, label, n_classes, preferred[0]))


@dataclass(frozen=True, eq=False)
class Strongest:
    """The classes of a unit's strongest images.

    Parameters
    ----------
    count : (class,) integer array
        Number of images of each class among them.
    at_ceiling : bool
        Whether more images share the last one's value than were asked for; then all of them are counted.
    """

    count: Ints
    at_ceiling: bool

    @property
    def n_images(self) -> int:
        """The number of these images."""
        return int(self.count.sum())

    @property
    def leader(self) -> int | None:
        """The most frequent class among them, the first among equals; None where there are no images."""
        return int(self.count.argmax()) if self.n_images else None

    def differs(self, best: int | None) -> bool:
        """Whether fewer of them are of the class `best`, which the unit answers to most, than of another class."""
        return best is not None and self.n_images > 0 and int(self.count[best]) < int(self.count.max())


def n_strongest(layer: Layer) -> int:
    """Return how many images count as a unit's strongest: the length of its exemplar lists."""
    return layer.n_exemplars or _WITHOUT_LISTS


def strongest_of(store: Store, layer: Layer, unit: int) -> Strongest:
    """Count the classes of a unit's strongest images; in a store of sums, of the images in its list."""
    label, n_classes = np.asarray(store.images.label), len(store.classes)
    if layer.keeps_all:
        return strongest(layer.activation(unit).max, label, n_classes, n_strongest(layer))
    if "top" not in layer.exemplar_kinds:
        return Strongest(np.zeros(n_classes, dtype=np.int64), at_ceiling=False)
    shown = layer.exemplars("top", unit)
    return Strongest(np.bincount(label[shown.image[shown.value != 0]], minlength=n_classes), at_ceiling=False)


def strongest(largest: Floats, label: Ints, n_classes: int, k: int) -> Strongest:
    """Count the classes of the k images that drive a unit most, and of all images that tie with the last of them.

    Parameters
    ----------
    largest : (image,) array
        Maximum of the unit's map. Images on which it is exactly zero do not drive the unit and do not count.
    label : (image,) integer array
        Class of each image.
    n_classes, k : int
        Number of classes, and how many images to count; ties beyond them count too.
    """
    driven = np.flatnonzero(largest != 0)
    k = min(k, len(driven))
    if not k:
        return Strongest(np.zeros(n_classes, dtype=np.int64), at_ceiling=False)
    cut = np.partition(largest[driven], len(driven) - k)[len(driven) - k]
    taken = driven[largest[driven] >= cut]
    return Strongest(np.bincount(label[taken], minlength=n_classes), at_ceiling=len(taken) > k)
