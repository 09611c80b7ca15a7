"""What several experiments read from a store, in the words of the measures."""

import numpy as np

from precompute.measures.drops import Answers
from precompute.measures.paired import FlipTable
from precompute.store.layer import Layer
from precompute.store.reader import Store


def answers(store: Store) -> Answers:
    """Return what the network says with nothing ablated."""
    label = np.asarray(store.images.label)
    target = np.asarray(store.classes.output_index)[label]
    return Answers(np.asarray(store.baseline.prediction), target, label, len(store.classes))


def flip_table(layer: Layer, kind: str) -> FlipTable:
    """Return all predictions of a layer that one kind of ablation changes."""
    flips = [layer.flips(kind, unit) for unit in range(layer.n_units)]
    return FlipTable(
        unit=np.repeat(np.arange(layer.n_units), [len(flip.image) for flip in flips]),
        image=np.concatenate([flip.image for flip in flips]),
        prediction=np.concatenate([flip.prediction for flip in flips]),
        n_units=layer.n_units,
    )


def spread(label: np.ndarray, per_class: int | None) -> np.ndarray:
    """Choose images of every class, spread evenly over it.

    Parameters
    ----------
    label
        (image,) class of each image.
    per_class
        How many of each class, or all that it has; all where None.

    Returns
    -------
    np.ndarray
        Indices of images, class by class where a number is given.
    """
    if per_class is None:
        return np.arange(len(label))
    of_class = [np.flatnonzero(label == c) for c in np.unique(label)]
    counts = [min(per_class, len(found)) for found in of_class]
    return np.concatenate([found[np.arange(n) * len(found) // n] for found, n in zip(of_class, counts, strict=True)])
