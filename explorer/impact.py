"""What silencing one unit does to each class, from its flips: images lost, images gained, and how sure that is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.drops import Answers
from precompute.store.reader import Flips, Store

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_Z = 1.959964  # the normal distribution's 97.5 % point


@dataclass(frozen=True, eq=False)
class Impact:
    """The effect of one unit on every class, (class,) each.

    Parameters
    ----------
    n_images : array of int
        Images of the class.
    lost, gained : array of int
        Images right with the unit and wrong without it, and the other way round.
    drop : array
        (lost - gained) / n_images, a fraction; NaN for classes without images.
    low, high : array
        Limits of its 95 % interval; see :func:`drop_interval`.
    """

    n_images: Ints
    lost: Ints
    gained: Ints
    drop: Floats
    low: Floats
    high: Floats

    @property
    def overall(self) -> float:
        """Accuracy lost over all images together, a fraction."""
        return float((self.lost.sum() - self.gained.sum()) / max(self.n_images.sum(), 1))


def answers_of(store: Store) -> Answers:
    """Return what the network says with nothing ablated, beside what is right."""
    label = store.images.label
    return Answers(store.baseline.prediction, store.classes.output_index[label], label, len(store.classes))


def impact(flips: Flips, before: Answers) -> Impact:
    """Count what one unit's flips do to each class."""
    lost, gained = right_changes(flips, before)
    label = before.label[flips.image]
    n_lost = np.bincount(label[lost], minlength=before.n_classes)
    n_gained = np.bincount(label[gained], minlength=before.n_classes)
    n_images = before.count
    low, high = drop_interval(n_lost, n_gained, n_images)
    with np.errstate(invalid="ignore"):
        drop = (n_lost - n_gained) / n_images
    return Impact(n_images, n_lost, n_gained, drop, low, high)


def right_changes(flips: Flips, before: Answers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which flips lose an image and which gain one, (flip,) each; the rest go from wrong to wrong."""
    was_right = before.right[flips.image]
    is_right = flips.prediction == before.target[flips.image]
    return was_right & ~is_right, ~was_right & is_right


def drop_interval(lost: Ints, gained: Ints, n_images: Ints) -> tuple[Floats, Floats]:
    """95 % interval of a drop in accuracy that was measured twice on the same images.

    Adjusted Wald interval for a difference of paired proportions: one image is added to either kind of change and two
    to the total, so that "0 of 5 lost" is not mistaken for certainty.

    Parameters
    ----------
    lost, gained, n_images : (class,) integer arrays
        Images lost, images gained, images in all.

    Returns
    -------
    low, high : (class,) arrays
        Fractions in [-1, 1]; NaN for classes without images. Each is for its class alone: the largest of many drops is
        large partly by chance.

    References
    ----------
    Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
    data", Journal of Educational and Behavioral Statistics 37, 479-488.
    """
    total = np.where(n_images > 0, n_images + 2.0, np.nan)
    p_lost, p_gained = (lost + 1) / total, (gained + 1) / total
    middle = p_lost - p_gained
    margin = _Z * np.sqrt((p_lost + p_gained - middle**2) / total)
    return np.maximum(middle - margin, -1), np.minimum(middle + margin, 1)
