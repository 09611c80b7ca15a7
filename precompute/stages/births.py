"""The levels at which units' maps first have a hole, and those of the same maps with their pixels shuffled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from precompute.measures.births import centre_crop
from precompute.measures.entropy import Rule, rule_births


@dataclass(frozen=True, eq=False)
class Births:
    """Birth levels of one layer's maps, float32, NaN where no hole ever appears.

    Parameters
    ----------
    level
        (unit, image): the birth levels of the maps.
    shuffled
        (shuffle, unit, image): the birth levels of the same maps with their pixels in random order. They show what the
        values and the number of zeros give, without their places.
    """

    level: np.ndarray
    shuffled: np.ndarray


def births_of(output: Tensor, rng: np.random.Generator, *, n_shuffles: int = 0, rule: Rule = "ours") -> Births:
    """Compute the birth levels of a layer's output.

    Parameters
    ----------
    output
        (image, unit, height, width), height and width at least 4; maps that are not square are cropped to their centre.
    rng
        The generator that shuffles the pixels.
    n_shuffles
        How many times each map is shuffled.
    rule
        Which reading of the method; see `precompute.measures.entropy.feature_entropy`.
    """
    maps = centre_crop(np.ascontiguousarray(output.float().cpu().numpy().swapaxes(0, 1)))
    pixels = maps.reshape(*maps.shape[:2], -1)
    shuffled = np.empty((n_shuffles, *maps.shape[:2]), dtype=np.float32)
    for levels in shuffled:
        levels[...] = rule_births(rng.permuted(pixels, axis=-1).reshape(maps.shape), rule=rule)
    return Births(rule_births(maps, rule=rule).astype(np.float32), shuffled)


def no_births(n_units: int, n_shuffles: int) -> Births:
    """Return the births of a layer on no images at all."""
    return Births(np.empty((n_units, 0), dtype=np.float32), np.empty((n_shuffles, n_units, 0), dtype=np.float32))


def join(parts: Sequence[Births]) -> Births:
    """Join birth levels on successive images."""
    return Births(
        np.concatenate([part.level for part in parts], axis=-1),
        np.concatenate([part.shuffled for part in parts], axis=-1),
    )
