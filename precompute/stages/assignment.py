"""A check that classes were given the right outputs of the network, as far as its answers to some images show.

The only module that needs SciPy, for its solver of the assignment problem.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from precompute.measures.binomial import at_least
from precompute.measures.halves import halves
from precompute.measures.paired import mcnemar

CHANCE_LEVEL = 0.01
"""The number of right answers is above chance where chance alone gives as many with a smaller probability than this."""
PAIRED_LEVEL = 0.001
"""Another assignment is better where a fair coin divides the changed images as unevenly less often than this."""
_TWICE = 2
# On images of the classes whose output changes: the accuracy of a usable network, and how many times the present
# accuracy it must be, so that mere confusions do not count.
_SHARE_OF_MOVED, _TIMES_OF_MOVED = 0.4, 4


@dataclass(frozen=True, eq=False)
class OtherAssignment:
    """Outputs for the classes under which more images would be right.

    Parameters
    ----------
    output_index
        (class,) the outputs, found on all images that were checked.
    right, right_now, n_images
        On the half of the images that had no part in finding outputs: how many are right with the outputs found on the
        other half, how many with the present outputs, and how many images there are.
    p
        Two-sided p-value of the exact McNemar test between the two assignments, on that half.
    far
        Whether so many more images are right that the classes must be in another order.
    """

    output_index: np.ndarray
    right: int
    right_now: int
    n_images: int
    p: float
    far: bool


@dataclass(frozen=True, eq=False)
class Verdict:
    """What a network's answers to some images say about the outputs that classes were given.

    Parameters
    ----------
    n_images, n_classes, right
        The number of images checked, of how many classes they are, and how many are right.
    expected
        How many would be right on average if answers had nothing to do with classes.
    p
        Probability that chance alone gives at least as many: one-sided exact binomial test.
    other
        Other outputs with which significantly more images are right; None where none are found.
    """

    n_images: int
    n_classes: int
    right: int
    expected: float
    p: float
    other: OtherAssignment | None

    @property
    def above_chance(self) -> bool:
        """Whether more images are right than chance explains; never where all are of one class."""
        return self.p < CHANCE_LEVEL

    @property
    def at_chance(self) -> bool:
        """Whether the answers of images of several classes are no more often right than chance explains."""
        return self.n_classes > 1 and not self.above_chance


def judge(label: np.ndarray, prediction: np.ndarray, output_index: np.ndarray) -> Verdict:
    """Compare the outputs that classes were given with the network's answers to images of these classes.

    Chance is what shuffled labels give: the sum over classes of the share of images of the class times the share of
    answers that are its output. By this measure, a network that gives every image the same answer is at chance.

    Other outputs are found on one half of the images and tested on the other, so that an assignment is not better
    merely because many were tried. They are better if the p-value of the exact McNemar test on the second half is below
    `PAIRED_LEVEL`. This alone does not prove a wrong order, because other outputs also help a weak network that takes
    most images of one class for another. Other outputs are far better if, on the second half, at least twice as many
    images are right; or if, among images of the classes whose output changes, at least 40 % are right and at least four
    times as many as now.

    Parameters
    ----------
    label
        (image,) class of each image.
    prediction
        (image,) the network's top-1 output.
    output_index
        (class,) the output that each class was given, no two the same.

    Returns
    -------
    Verdict
        Without images, `above_chance` is false and `other` is None.
    """
    n_images = len(label)
    right = int((output_index[label] == prediction).sum())
    answers = np.bincount(prediction, minlength=int(output_index.max()) + 1)[output_index]
    chance = float(np.bincount(label, minlength=len(output_index)) @ answers) / max(n_images, 1) ** 2
    return Verdict(
        n_images=n_images,
        n_classes=len(np.unique(label)),
        right=right,
        expected=n_images * chance,
        p=at_least(n_images, right, chance),
        other=_other(label, prediction, output_index),
    )


def best_outputs(label: np.ndarray, prediction: np.ndarray, output_index: np.ndarray) -> np.ndarray:
    """Give every class an output of its own so that as many images as possible are right.

    Among equals, as many classes as possible keep the output that they have.

    Parameters
    ----------
    label, prediction, output_index
        As of :func:`judge`.

    Returns
    -------
    np.ndarray
        (class,) outputs.
    """
    # Only classes with images are assigned: a matrix of all 21,841 classes of ImageNet-22k would take 4 GB.
    seen, row = np.unique(label, return_inverse=True)
    unseen = np.setdiff1d(np.arange(len(output_index)), seen)
    outputs = np.union1d(output_index[seen], prediction)
    worth = np.zeros((len(seen), len(outputs)))
    np.add.at(worth, (row, np.searchsorted(outputs, prediction)), 1)
    # Keeping all present outputs together is worth less than one image.
    kept = 1 / (len(output_index) + 1)
    worth[np.arange(len(seen)), np.searchsorted(outputs, output_index[seen])] += kept
    worth[:, np.isin(outputs, output_index[unseen])] -= kept
    _, column = linear_sum_assignment(worth, maximize=True)
    found = output_index.copy()
    found[seen] = outputs[column]
    moved = unseen[np.isin(output_index[unseen], found[seen])]
    found[moved] = np.setdiff1d(np.union1d(output_index, prediction), found)[: len(moved)]
    return found


def _other(label: np.ndarray, prediction: np.ndarray, output_index: np.ndarray) -> OtherAssignment | None:
    solved, counted = (halves(label) == half for half in (0, 1))
    found = best_outputs(label[solved], prediction[solved], output_index)
    other, now = (outputs[label[counted]] == prediction[counted] for outputs in (found, output_index))
    moved = (found != output_index)[label[counted]]
    p = float(mcnemar(np.array([(now & ~other).sum()]), np.array([(other & ~now).sum()]))[0])
    if p >= PAIRED_LEVEL or other.sum() <= now.sum():
        return None
    of_moved, of_moved_now = (other & moved).sum(), (now & moved).sum()
    far = other.sum() >= _TWICE * now.sum() or (
        of_moved >= _SHARE_OF_MOVED * moved.sum() and of_moved >= _TIMES_OF_MOVED * of_moved_now
    )
    best = best_outputs(label, prediction, output_index)
    return OtherAssignment(best, int(other.sum()), int(now.sum()), int(counted.sum()), p, bool(far))
