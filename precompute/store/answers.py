"""What a store says of the network's answers, in the words of the measures."""

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
