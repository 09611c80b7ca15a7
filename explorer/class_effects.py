"""The effect of silencing one unit on each class, from its flips: images lost, images gained, and intervals."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.drops import Answers
from precompute.measures.paired import FlipTable, PairedCounts, drop_interval, paired_counts, right_changes
from precompute.store.reader import Flips

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class ClassEffects:
    """The effect of one unit on every class, (class,) each.

    Parameters
    ----------
    n_images : array of int
        Number of images of the class.
    lost, gained : array of int
        Number of images right with the unit and wrong without it, and the other way round.
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
        return float(PairedCounts(self.lost[None], self.gained[None], self.n_images).overall_drop[0])


def class_effects(flips: Flips, before: Answers) -> ClassEffects:
    """Count what one unit's flips do to each class."""
    table = FlipTable(np.zeros(len(flips.image), dtype=np.int64), flips.image, flips.prediction, n_units=1)
    counts = paired_counts(table, before)
    low, high = drop_interval(counts.lost[0], counts.gained[0], counts.count)
    return ClassEffects(counts.count, counts.lost[0], counts.gained[0], counts.drop[0], low, high)


def lost_and_gained(flips: Flips, before: Answers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Say which flips lose an image and which gain one, (flip,) each; the others go from wrong to wrong."""
    return right_changes(flips.image, flips.prediction, before)


FEWEST_MOVED = 3


@dataclass(frozen=True)
class Move:
    """Answers that change from one class to another without a unit.

    Parameters
    ----------
    source, target : int
        The classes that the network predicts with the unit and without it.
    n_images : int
        Number of images whose answer changes in this way.
    lost, gained : int
        Among these, images of the source that are lost, and images of the target that are gained.
    n_changed : int
        Number of all images whose answer changes.
    """

    source: int
    target: int
    n_images: int
    lost: int
    gained: int
    n_changed: int


def main_move(flips: Flips, before: Answers, class_of_output: Mapping[int, int]) -> Move | None:
    """Return the most frequent change of answers, if one class gains what another loses; otherwise None.

    At least half of the changed answers must change in this way, at least `FEWEST_MOVED` of them, with a loss and a
    gain among them.
    """
    pairs = Counter(zip(before.prediction[flips.image].tolist(), flips.prediction.tolist(), strict=True))
    for (old, new), n_images in pairs.most_common(1):
        here = (before.prediction[flips.image] == old) & (flips.prediction == new)
        lost, gained = (int((changed & here).sum()) for changed in lost_and_gained(flips, before))
        enough = n_images >= max(FEWEST_MOVED, len(flips.image) / 2)
        if enough and lost and gained:
            return Move(class_of_output[old], class_of_output[new], n_images, lost, gained, len(flips.image))
    return None
