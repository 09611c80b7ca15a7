"""Class selectivity without the winner's curse: the class from one half of the images, the index from the other.

The largest of many class means is large partly by chance. So even a unit that prefers no class has an index well above
zero, the more so the fewer images there are and the more rarely the unit is active.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.selectivity import class_means, class_selectivity
from precompute.measures.shuffles import ShuffleNull, label_shuffle_null

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def cross_validated_selectivity(one: Floats, other: Floats) -> tuple[Floats, Floats]:
    """Choose each unit's class by the means over one half of the images, and compute its index from the other half's.

    The mean of the chosen class and the mean of the rest are averaged over both ways before the index is computed from
    them. A ratio of noisy means is too low on average, and so is an average of two such ratios. The index is still too
    low where a class has few images and the unit is rarely active, so compare it with its own null, see
    :func:`selectivity_null`.

    Parameters
    ----------
    one, other : (unit, class) arrays
        Class means, on each half, of an activation that is nowhere below zero; NaN for classes without images.

    Returns
    -------
    index : (unit,) array
        In [-1, 1]; below zero where, on the images that had no part in the choice, the unit answers more strongly to
        the other classes. NaN for units that are silent on a half, and where fewer than two classes have images in
        both.
    chosen : (unit,) array
        The class that both halves choose; NaN where they differ.

    Raises
    ------
    ValueError
        When a class mean is below zero.

    References
    ----------
    Morcos et al. 2018 (arXiv:1803.06959) for the index; fixing the class on other images follows Casper et al. 2021
    (arXiv:1912.04783).
    """
    own, rest, chosen = _own_and_rest(one, other)
    other_own, other_rest, other_chosen = _own_and_rest(other, one)
    own, rest = own + other_own, rest + other_rest
    index = (own - rest) / np.where(own + rest > 0, own + rest, np.nan)
    return index, np.where((chosen == other_chosen) & ~np.isnan(index), chosen, np.nan)


def selectivity_null(
    activation: Floats, label: Ints, n_classes: int, *, half: Ints | None = None, draws: int = 100, seed: int = 0
) -> ShuffleNull:
    """Class selectivity, and its distribution when the labels are shuffled over the images.

    Parameters
    ----------
    activation : (unit, image) array
        Nowhere below zero.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.
    half : (image,) integer array, optional
        0 or 1: compute the cross-validated index over these halves. Without it, the plain index.
    draws, seed : int
        Shuffles, and where they start.

    Returns
    -------
    ShuffleNull
        (unit,) arrays; NaN for dead units.
    """

    def plain(labels: Ints) -> Floats:
        return class_selectivity(class_means(activation, labels, n_classes))[0]

    def held_out(labels: Ints) -> Floats:
        one, other = (class_means(activation[:, half == h], labels[half == h], n_classes) for h in (0, 1))
        return cross_validated_selectivity(one, other)[0]

    return label_shuffle_null(plain if half is None else held_out, label, half=half, draws=draws, seed=seed)


def _own_and_rest(choose: Floats, read: Floats) -> tuple[Floats, Floats, Floats]:
    """Choose each unit's class by one table; read its mean and the mean of the others from the other table.

    NaN where no class is chosen.
    """
    present = ~(np.isnan(choose).all(axis=0) | np.isnan(read).all(axis=0))
    if (read[:, present] < 0).any():
        raise ValueError("Expected class means of an activation that is nowhere below zero, but got negative ones.")
    _, chosen = class_selectivity(np.where(present, choose, np.nan))
    known = np.where(present, read, 0).astype(np.float64)
    own = known[np.arange(len(known)), np.nan_to_num(chosen).astype(int)]
    # A sum less one of its terms may come out a rounding error below zero.
    rest = np.maximum(known.sum(axis=1) - own, 0) / max(int(present.sum()) - 1, 1)
    found = ~np.isnan(chosen)
    return np.where(found, own, np.nan), np.where(found, rest, np.nan), chosen
