"""What several experiments read from a store, in the words of the measures."""

import numpy as np

from precompute.store.answers import answers, flip_table

__all__ = ["answers", "flip_table", "spread"]


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
