"""What silencing one unit does to each class, from its flips: images lost, images gained, and how sure that is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.drops import Answers
from precompute.measures.paired import drop_interval
from precompute.store.reader import Flips

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


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
        Limits of its 95 % interval; see :func:`precompute.measures.paired.drop_interval`.
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
