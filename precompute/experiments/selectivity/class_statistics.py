"""Statistics of units and classes, and the same with shuffled labels: arrays in, arrays out."""

from dataclasses import replace
from functools import partial

import numpy as np

from precompute.experiments.protocol import Arrays
from precompute.measures.class_correlation import strongest_class
from precompute.measures.detection import best_area_null, best_precision_null, one_against_rest, precision_at_k
from precompute.measures.held_out_selectivity import cross_validated_selectivity, selectivity_null
from precompute.measures.information import information
from precompute.measures.measure_row import SHUFFLED_LABELS, MeasureRow
from precompute.measures.responses import Labels, Responses
from precompute.measures.retrieval import average_precision, detection_null, f1_on_other, held_out_detection
from precompute.measures.selectivity import class_means
from precompute.measures.shuffles import ShuffleNull, label_shuffle_null
from precompute.measures.table import computed

_OWN_NULLS = (
    "class_selectivity",
    "class_selectivity_held_out",
    "mutual_information",
    "one_against_rest",
    "precision_at_k",
    "average_precision",
    "best_f1",
)
"""Measures with their own function for shuffled labels; for any other, :func:`label_shuffle_null` calls its row's."""


def shuffled() -> tuple[str, ...]:
    """Return the names of the measures that are compared with shuffled labels, in the order of the datasets."""
    return (*_OWN_NULLS, *(row.name for row in _without_own_null()))


def _without_own_null() -> list[MeasureRow]:
    return [row for row in computed() if row.chance is SHUFFLED_LABELS and row.name not in _OWN_NULLS]


def described(responses: Responses, labels: Labels) -> Arrays:
    """Return every measure that needs no shuffling, (unit,) each, by the names of `precompute.measures.table`.

    Class selectivity and sparsity are computed from the rate, information and areas from the mean over space, and
    precision from the maximum over space, which ranks exemplars too.
    """
    return {row.name: row.compute(responses, labels) for row in computed() if row.compute is not None}


def by_class(responses: Responses, labels: Labels, half: np.ndarray) -> Arrays:
    """Return the measures of every unit for every class, (unit, class), and the classes that units prefer, (unit,).

    Parameters
    ----------
    responses, labels
        Responses and labels of the same images.
    half
        (image,): 0 or 1. ``held_out_class`` is NaN where the two halves choose different classes.
    """
    area = one_against_rest(responses.mean, labels.label, labels.n_classes)
    tables = (class_means(responses.rate[:, half == h], labels.label[half == h], labels.n_classes) for h in (0, 1))
    return {
        "auc": area,
        "auc_class": np.where(responses.silent, np.nan, strongest_class(area)[1]),
        "precision": precision_at_k(responses.max, labels.label, labels.n_classes, k=labels.k),
        "held_out_class": cross_validated_selectivity(*tables)[1],
        "average_precision": average_precision(responses.mean, labels.label, labels.n_classes),
        "f1": f1_on_other(responses.mean, labels.label, labels.n_classes, half),
        "average_precision_class": np.where(
            responses.silent, np.nan, held_out_detection(responses.mean, labels.label, labels.n_classes, half).chosen
        ),
    }


def against_shuffles(responses: Responses, labels: Labels, half: np.ndarray, *, draws: int, seed: int) -> Arrays:
    """Compare the measures of :func:`shuffled` with their values for shuffled labels.

    Returns
    -------
    dict
        ``observed``, ``p``, ``expected`` and ``ceiling``, (unit, measure) each; NaN for units that are silent on every
        image.
    """
    nulls = _nulls(responses, labels, half, draws=draws, seed=seed)
    silent = responses.silent[:, None]
    tables = {
        of: np.stack([getattr(nulls[name], of) for name in shuffled()], axis=1)
        for of in ("observed", "p", "expected", "ceiling")
    }
    return {of: np.where(silent, np.nan, table) for of, table in tables.items()}


def _nulls(responses: Responses, labels: Labels, half: np.ndarray, *, draws: int, seed: int) -> dict[str, ShuffleNull]:
    label, n_classes = labels.label, labels.n_classes
    precision, f1 = _each(detection_null(responses.mean, label, n_classes, half, draws=draws, seed=seed))
    found = {
        "class_selectivity": selectivity_null(responses.rate, label, n_classes, draws=draws, seed=seed),
        "class_selectivity_held_out": selectivity_null(
            responses.rate, label, n_classes, half=half, draws=draws, seed=seed
        ),
        "mutual_information": information(responses.mean, label, draws=draws, seed=seed),
        "one_against_rest": best_area_null(responses.mean, label, n_classes, draws=draws, seed=seed),
        "precision_at_k": best_precision_null(responses.max, label, n_classes, k=labels.k, draws=draws, seed=seed),
        "average_precision": precision,
        "best_f1": f1,
    }
    return found | {
        row.name: label_shuffle_null(partial(_computed, row, responses, labels), label, draws=draws, seed=seed)
        for row in _without_own_null()
    }


def _computed(row: MeasureRow, responses: Responses, labels: Labels, label: np.ndarray) -> np.ndarray:
    assert row.compute is not None
    return np.asarray(row.compute(responses, replace(labels, label=label)))


def _each(null: ShuffleNull) -> tuple[ShuffleNull, ...]:
    """Split the scores, (score, unit), that were shuffled together."""
    parts = zip(null.observed, null.p, null.expected, null.ceiling, strict=True)
    return tuple(ShuffleNull(*part) for part in parts)
