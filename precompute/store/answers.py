"""What a store says of the network's answers, in the words of the measures."""

import numpy as np

from precompute.measures.drops import Answers
from precompute.store.reader import Store


def answers(store: Store) -> Answers:
    """Return what the network says with nothing ablated."""
    label = np.asarray(store.images.label)
    target = np.asarray(store.classes.output_index)[label]
    return Answers(np.asarray(store.baseline.prediction), target, label, len(store.classes))
