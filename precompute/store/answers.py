"""The network's answers as a store holds them, in the form that the measures take."""

import numpy as np

from precompute.measures.drops import Answers
from precompute.store.reader import Store


def answers(store: Store) -> Answers:
    """Return what the network says with nothing ablated."""
    label = np.asarray(store.images.label)
    target = np.asarray(store.classes.output_index)[label]
    return Answers(np.asarray(store.baseline.prediction), target, label, len(store.classes))
