"""Losses of log-probability by class, computed from the changes that a store holds."""

import numpy as np

from precompute.measures.drops import Answers
from precompute.measures.selectivity import class_means
from precompute.store.layer import Layer
from precompute.store.reader import Store


def without_log_prob(store: Store) -> str:
    """Say why a store holds no changes of log-probability: a clause that can follow "which"."""
    baseline = store.baseline
    if baseline.log_prob is None:
        return f"this store leaves out, because {baseline.log_prob_of}"
    return "this store does not hold; run it again"


def log_prob_losses(layer: Layer, kind: str, before: Answers, images: np.ndarray) -> np.ndarray:
    """Average the loss of the right class's log-probability over the images of each class.

    Parameters
    ----------
    layer, kind
        The layer, and the kind of ablation.
    before
        The answers with nothing ablated.
    images
        (image,) bool: which images to average over.

    Returns
    -------
    np.ndarray
        (unit, class), in nats: positive where the class becomes less probable. 0 for a class without images, and
        everywhere where the store does not hold the changes.
    """
    label = before.label[images]
    losses = [
        -class_means(row[None, images], label, before.n_classes)[0]
        for change in layer.log_prob_changes(kind)
        for row in change
    ]
    return np.nan_to_num(losses) if losses else np.zeros((layer.n_units, before.n_classes))
