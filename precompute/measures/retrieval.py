"""A unit as a detector of a class: average precision and the best F1, two scores that pass sanity tests.

A score of how well a unit detects a class should fall when half of the class's labels are removed, and when as many
wrong labels are added. Recall, the precision of the strongest images, and the area under the ROC curve do not always
fall; average precision, F1, intersection over union, correlation and cosine do (Oikarinen, Yan and Weng 2025).

The largest of many scores is large by chance, so class and threshold are chosen on one half of the images and the
score is read on the other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.class_correlation import strongest_class
from precompute.measures.shuffles import ShuffleNull, label_shuffle_null

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class _Half:
    """Activations on some images, and how many of these images have at least each activation; both (unit, image)."""

    activation: Floats
    at_least: Ints

    @classmethod
    def of(cls, activation: Floats) -> "_Half":
        at_least = np.empty(activation.shape, dtype=np.int64)
        for place, row in zip(at_least, activation, strict=True):
            place[:] = len(row) - np.searchsorted(np.sort(row), row, side="left")
        return cls(activation, at_least)


@dataclass(frozen=True, eq=False)
class _Scores:
    """Scores of every unit for every class, (unit, class), and the threshold of the best F1; NaN without images."""

    average_precision: Floats
    f1: Floats
    threshold: Floats


def average_precision(activation: Floats, label: Ints, n_classes: int) -> Floats:
    r"""Average precision of every unit as a detector of every class.

    .. math:: AP = \frac{1}{n_c} \sum_{x \in c} P(a_x), \qquad
              P(t) = \frac{\#\{x' \in c: a_{x'} \ge t\}}{\#\{x': a_{x'} \ge t\}}

    For each image of the class, take the precision among all images that drive the unit at least as strongly; average
    it over the images of the class. Images of equal activation count together.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image, without NaN.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.

    Returns
    -------
    (unit, class) array
        In (0, 1]; about the class's share of all images by chance. NaN for classes without images.

    References
    ----------
    Davis and Goadrich 2006, "The relationship between precision-recall and ROC curves", ICML.
    """
    return _scores(_Half.of(activation), label, n_classes).average_precision


def f1_on_other(activation: Floats, label: Ints, n_classes: int, half: Ints) -> Floats:
    r"""F1 of every unit for every class, with the threshold chosen on one half of the images and F1 read on the other.

    .. math:: F_1(t) = \frac{2 \, \#\{x \in c: a_x \ge t\}}{n_c + \#\{x: a_x \ge t\}}

    Parameters
    ----------
    activation, label, n_classes
        As for :func:`average_precision`.
    half : (image,) integer array
        0 or 1.

    Returns
    -------
    (unit, class) array
        In [0, 1], the mean of both ways. A detector that always says yes has 2 s / (1 + s) for a class with a share s
        of the images. NaN for classes that lack images on one of the halves.
    """
    sides = _sides(activation, half)
    found = []
    for choose, read in ((0, 1), (1, 0)):
        threshold = _scores(sides[choose], label[half == choose], n_classes).threshold
        of = label[half == read]
        columns = [_f1_at(sides[read].activation, of == c, threshold[:, c]) for c in range(n_classes)]
        found.append(np.stack(columns, axis=1))
    return np.asarray((found[0] + found[1]) / 2)


@dataclass(frozen=True, eq=False)
class HeldOutDetection:
    """How well every unit detects its best class, with class and threshold chosen on other images; (unit,) each.

    Parameters
    ----------
    average_precision, f1 : (unit,) arrays
        In [0, 1], the means of both ways; NaN where no class has images on both halves.
    chosen : (unit,) array
        The class of the largest average precision on both halves; NaN where the halves choose different classes.
    """

    average_precision: Floats
    f1: Floats
    chosen: Floats


def held_out_detection(activation: Floats, label: Ints, n_classes: int, half: Ints) -> HeldOutDetection:
    """Choose each unit's class, and for F1 its threshold, on one half of the images; read the scores on the other.

    Parameters are those of :func:`f1_on_other`.
    """
    return _held_out(_sides(activation, half), label, n_classes, half)


def detection_null(
    activation: Floats, label: Ints, n_classes: int, half: Ints, *, draws: int = 100, seed: int = 0
) -> ShuffleNull:
    """Average precision and F1 of :func:`held_out_detection`, and their distribution under shuffled labels.

    Parameters are those of :func:`f1_on_other`, and those of the shuffles: `draws`, their number, and `seed`.

    Returns
    -------
    ShuffleNull
        (score, unit) arrays, average precision first. Class and threshold are chosen anew in every shuffle.
    """
    sides = _sides(activation, half)

    def scores(labels: Ints) -> Floats:
        found = _held_out(sides, labels, n_classes, half)
        return np.stack([found.average_precision, found.f1])

    return label_shuffle_null(scores, label, half=half, draws=draws, seed=seed)


def _sides(activation: Floats, half: Ints) -> tuple[_Half, _Half]:
    return _Half.of(activation[:, half == 0]), _Half.of(activation[:, half == 1])


def _held_out(sides: tuple[_Half, _Half], label: Ints, n_classes: int, half: Ints) -> HeldOutDetection:
    labels = label[half == 0], label[half == 1]
    tables = [_scores(side, its, n_classes) for side, its in zip(sides, labels, strict=True)]
    precision, f1, chosen = [], [], []
    for choose, read in ((0, 1), (1, 0)):
        # Do not choose a class that has no images on the half where it would be read.
        readable = np.where(np.isnan(tables[read].average_precision), np.nan, 1)
        best = strongest_class(tables[choose].average_precision * readable)[1]
        precision.append(_at(tables[read].average_precision, best))
        chosen.append(best)
        best = strongest_class(tables[choose].f1 * readable)[1]
        of_best = labels[read] == best[:, None]
        f1.append(_f1_at(sides[read].activation, of_best, _at(tables[choose].threshold, best)))
    agreed = np.where(chosen[0] == chosen[1], chosen[0], np.nan)
    return HeldOutDetection((precision[0] + precision[1]) / 2, (f1[0] + f1[1]) / 2, agreed)


def _scores(half: _Half, label: Ints, n_classes: int) -> _Scores:
    count = np.bincount(label, minlength=n_classes)
    with_images = np.flatnonzero(count)
    own, everything = _as_strong(half.at_least, label)
    start = (count.cumsum() - count)[with_images]
    scores = [np.full((len(own), n_classes), np.nan) for _ in range(3)]
    if len(with_images):
        f1 = 2 * own / (np.repeat(count, count) + everything)
        scores[0][:, with_images] = np.add.reduceat(own / everything, start, axis=1) / count[with_images]
        scores[1][:, with_images] = np.maximum.reduceat(f1, start, axis=1)
        best = np.repeat(np.nan_to_num(scores[1]), count, axis=1) == f1
        # Of equally good thresholds take the highest, with the fewest images above it.
        n_above = np.minimum.reduceat(np.where(best, everything, len(label)), start, axis=1)
        scores[2][:, with_images] = np.take_along_axis(-np.sort(-half.activation, axis=1), n_above - 1, axis=1)
    return _Scores(*scores)


def _as_strong(at_least: Ints, label: Ints) -> tuple[Ints, Ints]:
    """Count, for every image, the images of its class and the images of all classes that drive each unit as strongly.

    Returns
    -------
    own, everything : (unit, image) integer arrays
        Class after class; within a class the strongest image first.
    """
    n_images = len(label)
    key = np.sort(label * (n_images + 1) + at_least, axis=1)
    count = np.bincount(label)
    place = np.arange(n_images) - np.repeat(count.cumsum() - count, count) + 1
    # Equal activations count together: each gets the place of the last one.
    is_last = np.ones(key.shape, dtype=bool)
    is_last[:, :-1] = key[:, 1:] != key[:, :-1]
    last = np.where(is_last, np.arange(n_images), n_images)
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    return place[last], key % (n_images + 1)


def _f1_at(activation: Floats, of_class: NDArray[np.bool_], threshold: Floats) -> Floats:
    """Return the F1 of each unit at its threshold, (unit,); ``of_class`` is (image,) or (unit, image)."""
    found = activation >= threshold[:, None]
    total = of_class.sum(axis=-1) + found.sum(axis=1)
    right = (found & of_class).sum(axis=1)
    defined = ~np.isnan(threshold) & (of_class.sum(axis=-1) > 0)
    return np.where(defined, 2 * right / np.maximum(total, 1), np.nan)


def _at(table: Floats, chosen: Floats) -> Floats:
    """Return each unit's value for its class, (unit,); NaN where none is chosen."""
    values = table[np.arange(len(table)), np.nan_to_num(chosen).astype(int)]
    return np.where(np.isnan(chosen), np.nan, values)
