"""The network's answers in a store, in the form that measures take."""

import numpy as np

from precompute.measures.drops import Answers
from precompute.store.reader import Store


def answers(store: Store) -> Answers:
    """Return the network's answers with nothing ablated, and the right answers."""
    label = np.asarray(store.images.label)
    target = np.asarray(store.classes.output_index)[label]
    return Answers(np.asarray(store.baseline.prediction), target, label, len(store.classes))
