"""The feature entropy of noise, with which a unit's entropy is compared."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.entropy import Rule, feature_entropy, rule_births

Floats = NDArray[np.floating[Any]]

NOISES: dict[str, float] = {"independent": 0.0, "smooth": 1 / 7}
"""The kinds of noise: for each, its smoothing as a share of the side of the maps; see :func:`noise_births`."""

_MAPS = 4000
_CLASSES = 1000


@dataclass(frozen=True, eq=False)
class NoiseLevel:
    """Feature entropy of maps of noise.

    Parameters
    ----------
    mean, low, high : (class,) arrays
        Mean of the entropy of as many maps of noise as the class has images, and the limits of the middle 95 % of
        draws; NaN for classes without images.
    rate : float
        Selective rate of the noise.
    """

    mean: Floats
    low: Floats
    high: Floats
    rate: float


def noise_level(smooth: float, side: int, n_images: NDArray[np.integer[Any]], *, seed: int, rule: Rule) -> NoiseLevel:
    """Return the feature entropy of noise for classes of given sizes.

    Parameters
    ----------
    smooth : float
        One of :data:`NOISES`: the share of the side by which it is smoothed.
    side : int
        Side of the maps.
    n_images : (class,) integer array
        Images of each class.
    seed : int
        Same seed, same noise.
    rule : {"ours", "paper", "code"}
        Which reading, see :func:`precompute.measures.entropy.feature_entropy`.
    """
    births = noise_births(_MAPS, side, smooth=smooth * side, seed=seed, rule=rule)
    sizes, of_class = np.unique(n_images, return_inverse=True)
    drawn = [noise_entropy(births, int(n), draws=_CLASSES, seed=seed, rule=rule) for n in sizes]
    mean, (low, high) = np.mean(drawn, axis=1), np.quantile(drawn, [0.025, 0.975], axis=1)
    return NoiseLevel(mean[of_class], low[of_class], high[of_class], float((~np.isnan(births)).mean()))


def noise_births(n_maps: int, side: int, *, smooth: float = 0.0, seed: int = 0, rule: Rule = "ours") -> Floats:
    """Birth levels of maps of noise.

    Parameters
    ----------
    n_maps, side : int
        How many maps, and their side.
    smooth : float
        0 for independent pixels. Otherwise the standard deviation, in pixels, of the Gaussian that smooths normal
        noise; values below zero are then set to zero, as in the map of a rectified layer. Smoothing wraps around the
        borders, so that no place is special: other treatments of the borders change the entropy by several tenths.
    seed : int
        Same seed, same maps.
    rule : {"ours", "paper", "code"}
        Which reading, see :func:`precompute.measures.entropy.rule_births`.

    Returns
    -------
    (map,) array
        NaN where there is none.
    """
    rng = np.random.default_rng(seed)
    if not smooth:
        return rule_births(rng.random((n_maps, side, side)), rule=rule)
    blur = smoothing(side, smooth)
    return rule_births(np.maximum(blur @ rng.standard_normal((n_maps, side, side)) @ blur.T, 0), rule=rule)


def noise_entropy(births: Floats, n_images: int, *, draws: int = 200, seed: int = 0, rule: Rule = "ours") -> Floats:
    """Feature entropies of draws of as many maps of noise as a class has images.

    Parameters
    ----------
    births : (map,) array
        Birth levels of many maps of noise, several times ``n_images``.
    n_images : int
        Images of the class.
    draws : int
        Number of draws.
    seed : int
        Same seed, same draws.
    rule : {"ours", "paper", "code"}
        Which reading, see :func:`precompute.measures.entropy.feature_entropy`.


    Returns
    -------
    (draw,) array
        In nats. Their mean and quantiles are the chance level of an entropy.
    """
    drawn = np.random.default_rng(seed).integers(0, len(births), (draws, n_images))
    return feature_entropy(births[drawn], rule=rule).entropy


def smoothing(side: int, deviation: float) -> Floats:
    """Return the matrix, (side, side), that smooths along an axis with a Gaussian that wraps around the borders."""
    reach = int(4 * deviation + 0.5)
    offset = np.arange(-reach, reach + 1)
    weight = np.exp(-0.5 * (offset / deviation) ** 2)
    around = np.bincount(offset % side, weights=weight / weight.sum(), minlength=side)
    place = np.arange(side)
    return around[(place - place[:, None]) % side]
