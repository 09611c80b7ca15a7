"""At which levels the maps of every unit first have a hole, and the same maps with their pixels shuffled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from precompute.measures.births import centre_crop
from precompute.measures.entropy import Rule, rule_births


@dataclass(frozen=True, eq=False)
class Births:
    """Birth levels of one layer's maps, each (unit, image), NaN where no hole ever appears.

    Parameters
    ----------
    level
        Of the maps.
    shuffled
        Of the same maps with their pixels in random order: what a unit's values and zeros alone would give.
    """

    level: np.ndarray
    shuffled: np.ndarray


def births_of(output: Tensor, rng: np.random.Generator, *, rule: Rule = "ours") -> Births:
    """Read off the birth levels of a layer's output.

    Parameters
    ----------
    output
        (image, unit, height, width); maps that are not square are cropped to their centre, four a side at least.
    rng
        What shuffles the pixels.
    rule
        Which reading of the method.
    """
    maps = centre_crop(np.ascontiguousarray(output.float().cpu().numpy().swapaxes(0, 1)))
    pixels = maps.reshape(*maps.shape[:2], -1)
    shuffled = rng.permuted(pixels, axis=-1).reshape(maps.shape)
    return Births(rule_births(maps, rule=rule), rule_births(shuffled, rule=rule))


def join(parts: Sequence[Births]) -> Births:
    """Put births on successive images side by side."""
    return Births(
        np.concatenate([part.level for part in parts], axis=1),
        np.concatenate([part.shuffled for part in parts], axis=1),
    )
