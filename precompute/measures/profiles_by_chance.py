"""Profiles over classes that chance alone gives a unit, with classes of any size and of any noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.paired import PairedCounts

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

_MOST_DRAWS, _FEWEST_DRAWS = 1000, 199
_IMAGES_DEALT = 10_000_000


def means_by_chance(activation: Floats, label: Ints, n_classes: int, *, seed: int = 0) -> Floats:
    """Mean activation on each class if the unit did not know the classes: its images are dealt to them at random.

    Classes keep their sizes, so means of small classes vary as much as few images make them.

    Parameters
    ----------
    activation : (image,) array
        The unit's activation.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.
    seed : int
        Same seed, same draws.

    Returns
    -------
    (draw, class) array
        1,000 draws, fewer for more than 10,000 images, at least 199. NaN for classes without images.
    """
    rng = np.random.default_rng(seed)
    size = np.bincount(label, minlength=n_classes)
    held = np.flatnonzero(size)
    first = np.cumsum(size[held]) - size[held]
    values = activation.astype(np.float64)
    n_draws = max(_FEWEST_DRAWS, min(_MOST_DRAWS, _IMAGES_DEALT // max(len(values), 1)))
    found = np.full((n_draws, n_classes), np.nan)
    for draw in range(n_draws if len(held) else 0):
        found[draw, held] = np.add.reduceat(rng.permutation(values), first) / size[held]
    return found


def noise_by_chance(size: Ints, *, draws: int = _MOST_DRAWS, seed: int = 0) -> Floats:
    """Means of noise on each class where nothing but the sizes of the classes is known: normal, as wide as few images.

    Parameters
    ----------
    size : (class,) integer array
        Images of each class.
    draws, seed : int
        Number of draws, and their seed.

    Returns
    -------
    (draw, class) array
        NaN for classes without images.
    """
    drawn = np.random.default_rng(seed).normal(size=(draws, len(size)))
    return np.asarray(drawn / np.sqrt(np.where(size, size, np.nan)))


def drops_by_chance(counts: PairedCounts, unit: int, *, draws: int = _MOST_DRAWS, seed: int = 0) -> Floats:
    """Drop of each class if the unit were no other than an average unit of its layer.

    Each image that it loses or gains is drawn anew: of a class, and lost or gained, as often as those of the layer's
    units are on average, every unit with the same weight. So classes that any change hits have the noise that they have
    in other units.

    Parameters
    ----------
    counts : PairedCounts
        Images lost and gained without each unit of the layer.
    unit : int
        The unit, which keeps its number of changed images.
    draws, seed : int
        Number of draws, and their seed.

    Returns
    -------
    (draw, class) array
        Fractions of the images of the class; NaN for classes without images.
    """
    changed = np.concatenate([counts.lost, counts.gained], axis=1).astype(np.float64)
    n_changed = changed.sum(axis=1)
    some = n_changed > 0
    n_classes = len(counts.count)
    if not n_changed[unit]:
        return np.where(counts.count > 0, np.zeros((draws, n_classes)), np.nan)
    share = (changed[some] / n_changed[some, None]).mean(axis=0)
    drawn = np.random.default_rng(seed).multinomial(int(n_changed[unit]), share / share.sum(), draws)
    return (drawn[:, :n_classes] - drawn[:, n_classes:]) / np.where(counts.count, counts.count, np.nan)
