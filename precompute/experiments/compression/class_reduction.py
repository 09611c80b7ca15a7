"""The accuracy reduction by class: which classes lose most without a unit, and which least."""

import numpy as np

from precompute.experiments.log_prob_losses import log_prob_losses
from precompute.experiments.protocol import Arrays
from precompute.measures.paired import paired_counts
from precompute.store.answers import answers
from precompute.store.layer import Layer
from precompute.store.reader import Store

_MOST_NAMED = 5


def class_reduction(store: Store, layer: Layer, half: np.ndarray) -> Arrays:
    """Name the most and the least important classes of every unit.

    Parameters
    ----------
    store
        The store.
    layer
        One of its layers.
    half
        (image,): classes are chosen on the images where it is 0, and their drops measured again where it is 1.

    Returns
    -------
    dict
        For each end, `most` and `least`, (unit, place) each: the class, `<end>_class`; its drop on the images that
        chose it, `<end>_drop`; and its drop on the others, `<end>_held_out`. Of classes with equal drops the one with
        the larger loss of log-probability counts as more important. There are five places, or fewer where fewer than
        ten classes have images. No class is at both ends.
    """
    before, flips = answers(store), layer.flip_table(layer.ablations[0])
    chosen, held_out = (paired_counts(flips, before, half == part).drop for part in (0, 1))
    loss = log_prob_losses(layer, layer.ablations[0], before, half == 0)
    with_images = np.flatnonzero(~np.isnan(chosen[0]))
    n_named = min(_MOST_NAMED, len(with_images) // 2)
    # Ascending by drop, then by loss.
    order = with_images[np.lexsort((loss[:, with_images], chosen[:, with_images]), axis=1)]
    ends = {"most": order[:, ::-1][:, :n_named], "least": order[:, :n_named]}
    found: Arrays = {}
    for end, named in ends.items():
        found[f"{end}_class"] = named
        found[f"{end}_drop"] = np.take_along_axis(chosen, named, axis=1)
        found[f"{end}_held_out"] = np.take_along_axis(held_out, named, axis=1)
    return found
