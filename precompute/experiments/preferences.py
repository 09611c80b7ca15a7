"""What some units have to do with the classes, beside what shuffled labels give: arrays in, arrays out."""

from dataclasses import dataclass, replace

import numpy as np

from precompute.experiments.job import Arrays
from precompute.measures.class_correlation import strongest_class
from precompute.measures.detection import best_area_null, best_precision_null, one_against_rest, precision_at_k
from precompute.measures.held_out_selectivity import cross_validated_selectivity, selectivity_null
from precompute.measures.information import information, mutual_information, quantile_bins
from precompute.measures.retrieval import average_precision, detection_null, f1_on_other, held_out_detection
from precompute.measures.selectivity import class_means, class_selectivity
from precompute.measures.shuffles import ShuffleNull
from precompute.measures.sparsity import hoyer, lifetime_sparsity, silent_fraction

SHUFFLED = (
    "class_selectivity",
    "class_selectivity_held_out",
    "mutual_information",
    "one_against_rest",
    "precision_at_k",
    "average_precision",
    "best_f1",
)
"""Measures that are held against shuffled labels, in their order."""


@dataclass(frozen=True, eq=False)
class Labels:
    """The classes of some images.

    Parameters
    ----------
    label
        (image,) class of each image.
    n_classes
        Number of classes.
    k
        The k of precision at k.
    """

    label: np.ndarray
    n_classes: int
    k: int

    def on(self, images: np.ndarray) -> "Labels":
        """Return those of some of the images, (image,) bool."""
        return replace(self, label=self.label[images])


@dataclass(frozen=True, eq=False)
class Responses:
    """What some units do on some images, (unit, image) each.

    Parameters
    ----------
    max, mean
        Maximum and mean over space.
    rate
        Nowhere below zero: the mean over space, of the positive part alone in layers that go below zero.
    """

    max: np.ndarray
    mean: np.ndarray
    rate: np.ndarray

    def on(self, images: np.ndarray) -> "Responses":
        """Return those to some of the images, (image,) bool."""
        return Responses(self.max[:, images], self.mean[:, images], self.rate[:, images])


def described(responses: Responses, labels: Labels) -> Arrays:
    """Return every measure that needs no shuffling, (unit,) each, by the names of `precompute.measures.table`.

    Class selectivity and sparsity are those of the rate, information and areas those of the mean over space, precision
    that of the maximum, by which exemplars are ranked too.
    """
    means = class_means(responses.rate, labels.label, labels.n_classes)
    bins = quantile_bins(responses.mean)
    return {
        "class_selectivity": class_selectivity(means)[0],
        "mutual_information": mutual_information(bins, labels.label),
        "one_against_rest": _best(one_against_rest(responses.mean, labels.label, labels.n_classes), responses),
        "precision_at_k": _best(precision_at_k(responses.max, labels.label, labels.n_classes, k=labels.k), responses),
        "silent_fraction": silent_fraction(responses.max, responses.mean),
        "hoyer": hoyer(responses.rate),
        "lifetime_sparsity": lifetime_sparsity(responses.rate),
    }


def by_class(responses: Responses, labels: Labels, half: np.ndarray) -> Arrays:
    """Return what there is for every class, (unit, class), and the classes that units prefer, (unit,).

    Parameters
    ----------
    responses, labels
        Of the same images.
    half
        (image,) 0 or 1: the class of the held-out selectivity is the one that both halves choose.
    """
    area = one_against_rest(responses.mean, labels.label, labels.n_classes)
    tables = (class_means(responses.rate[:, half == h], labels.label[half == h], labels.n_classes) for h in (0, 1))
    return {
        "auc": area,
        "auc_class": np.where(_silent(responses), np.nan, strongest_class(area)[1]),
        "precision": precision_at_k(responses.max, labels.label, labels.n_classes, k=labels.k),
        "held_out_class": cross_validated_selectivity(*tables)[1],
        "average_precision": average_precision(responses.mean, labels.label, labels.n_classes),
        "f1": f1_on_other(responses.mean, labels.label, labels.n_classes, half),
        "average_precision_class": np.where(
            _silent(responses), np.nan, held_out_detection(responses.mean, labels.label, labels.n_classes, half).chosen
        ),
    }


def against_shuffles(responses: Responses, labels: Labels, half: np.ndarray, *, draws: int, seed: int) -> Arrays:
    """Hold the measures of `SHUFFLED` against shuffled labels.

    Returns
    -------
    dict
        ``observed``, ``p``, ``expected`` and ``ceiling``, (unit, measure) each; NaN for units that are silent on every
        image.
    """
    label, n_classes = labels.label, labels.n_classes
    nulls = (
        selectivity_null(responses.rate, label, n_classes, draws=draws, seed=seed),
        selectivity_null(responses.rate, label, n_classes, half=half, draws=draws, seed=seed),
        information(responses.mean, label, draws=draws, seed=seed),
        best_area_null(responses.mean, label, n_classes, draws=draws, seed=seed),
        best_precision_null(responses.max, label, n_classes, k=labels.k, draws=draws, seed=seed),
        *_each(detection_null(responses.mean, label, n_classes, half, draws=draws, seed=seed)),
    )
    silent = _silent(responses)[:, None]
    return {name: np.where(silent, np.nan, _table(nulls, name)) for name in ("observed", "p", "expected", "ceiling")}


def _table(nulls: tuple[ShuffleNull, ...], name: str) -> np.ndarray:
    return np.stack([getattr(null, name) for null in nulls], axis=1)


def _each(null: ShuffleNull) -> tuple[ShuffleNull, ...]:
    """Take apart what was shuffled together, (score, unit)."""
    parts = zip(null.observed, null.p, null.expected, null.ceiling, strict=True)
    return tuple(ShuffleNull(*part) for part in parts)


def _silent(responses: Responses) -> np.ndarray:
    """Tell the units that are zero everywhere: they prefer no class, so their areas and precisions mean nothing."""
    return np.asarray(~(responses.max.any(axis=1) | responses.mean.any(axis=1)))


def _best(found: np.ndarray, responses: Responses) -> np.ndarray:
    return np.where(_silent(responses), np.nan, strongest_class(found)[0])
