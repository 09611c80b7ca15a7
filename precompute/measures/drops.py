"""Drops: the accuracy lost when a unit is silenced. Positive hurts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Answers:
    """The network's answers with nothing ablated, and the right answers.

    Parameters
    ----------
    prediction, target : (image,) integer arrays
        The network's top-1 output, and the output that is right.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.
    """

    prediction: Ints
    target: Ints
    label: Ints
    n_classes: int

    @property
    def right(self) -> NDArray[np.bool_]:
        """Which images the network gets right, (image,)."""
        return np.asarray(self.prediction == self.target)

    @property
    def count(self) -> Ints:
        """Number of images of each class, (class,)."""
        return np.bincount(self.label, minlength=self.n_classes)

    @property
    def correct(self) -> Ints:
        """Number of images of each class that the network gets right, (class,)."""
        return np.bincount(self.label[self.right], minlength=self.n_classes)


def correct_without(flip_unit: Ints, flip_image: Ints, flip_prediction: Ints, n_units: int, before: Answers) -> Ints:
    """Count the images of each class that are still right when each unit is silenced.

    Parameters
    ----------
    flip_unit, flip_image, flip_prediction : (flip,) integer arrays
        The predictions that change: for which unit, of which image, to which output.
    n_units : int
        Number of units.
    before : Answers
        The answers that the flips change.

    Returns
    -------
    (unit, class) integer array
        Between 0 and the number of images of the class.
    """
    correct = np.tile(before.correct.astype(np.int64), (n_units, 1))
    change = (flip_prediction == before.target[flip_image]).astype(np.int64) - before.right[flip_image]
    np.add.at(correct, (flip_unit, before.label[flip_image]), change)
    return correct


def class_drops(correct_before: Ints, correct: Ints, count: Ints) -> Floats:
    """Accuracy of each class minus its accuracy without each unit.

    Parameters
    ----------
    correct_before : (class,) integer array
        Images right with nothing ablated.
    correct : (unit, class) integer array
        Images right without the unit.
    count : (class,) integer array
        Images of the class.

    Returns
    -------
    (unit, class) array
        Fractions in [-1, 1]; NaN for classes without images.

    References
    ----------
    Zhou, Sun, Bau, Torralba 2018, "Revisiting the importance of individual units in CNNs via ablation"
    (arXiv:1806.02891).
    """
    return (correct_before - correct) / np.where(count, count, np.nan)


def overall_drop(correct_before: Ints, correct: Ints, count: Ints) -> Floats:
    """Accuracy over all images minus accuracy without each unit.

    Parameters are those of :func:`class_drops`.

    Returns
    -------
    (unit,) array
        Fractions in [-1, 1]; NaN without images.
    """
    n_images = count.sum()
    return (correct_before.sum() - correct.sum(axis=1)) / (n_images if n_images else np.nan)


def drop_measures(before: Answers, correct: Ints) -> dict[str, Floats]:
    """Return the measures of drops that every run writes, (unit,) each, by their names without the kind of ablation.

    Parameters
    ----------
    before : Answers
        The answers with nothing ablated.
    correct : (unit, class) integer array
        Images right without the unit.
    """
    largest, worst = max_class_drop(class_drops(before.correct, correct, before.count))
    return {
        "overall_drop": overall_drop(before.correct, correct, before.count),
        "max_class_drop": largest,
        "max_class_drop_class": worst,
    }


def max_class_drop(drop: Floats) -> tuple[Floats, Floats]:
    """Return the largest drop of every unit over the classes, and the class that it falls on.

    The maximum over many classes is large by chance alone: compare it with its chance level before believing it.

    Parameters
    ----------
    drop : (unit, class) array
        Class drops; NaN for classes without images.

    Returns
    -------
    largest : (unit,) array
        Fractions in [-1, 1]; below zero where every class gains, NaN where no class has images.
    worst : (unit,) array
        The class, the first among equals; NaN where no class loses.
    """
    worst = np.where(np.isnan(drop), -np.inf, drop).argmax(axis=1)
    largest = drop[np.arange(len(drop)), worst]
    return largest, np.where(largest > 0, worst, np.nan)
