"""Distributions that the drops of a layer's units may have: most drops are zero or small, and a share is large."""

from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

LOSSES = np.geomspace(0.002, 0.95, 90)
DROPS = np.r_[-LOSSES[::-1], 0.0, LOSSES]
"""The grid of drops, as fractions, on which every distribution is given."""

_SHARES = np.geomspace(0.0005, 0.7, 10)
_MEANS = np.geomspace(0.02, 0.6, 36)
_SHAPES = (1, 4, 12, 40, 400)
_ALIKE = (1.0, 1.0, 1.0, 4.0, 20.0)  # weight of each shape in the mean
_RARER = 0.75  # power of the mean by which combinations with large ones count less
_SMALL = (0.0, 0.004, 0.012)
_GAIN = 0.1  # share of the large changes that are gains


@lru_cache(maxsize=1)
def priors_of_drops() -> tuple[Floats, Floats, Floats]:
    """Return the distributions, (combination, drop), the log prior of each, and the weight of the shape of each.

    Combinations with large means have a smaller prior, because large effects are rarer than small ones.
    """
    small = [small_drops(scale) for scale in _SMALL]
    large = {(mean, shape): gamma_drops(mean, shape) for mean in _MEANS for shape in _SHAPES}
    combinations = list(product(_MEANS, range(len(_SHAPES)), small, _SHARES))
    rows = [(1 - share) * rest + share * large[mean, _SHAPES[shape]] for mean, shape, rest, share in combinations]
    lean = -_RARER * np.log([mean for mean, *_ in combinations])
    return np.array(rows), lean, np.array([_ALIKE[shape] for _, shape, *_ in combinations])


def gamma_drops(mean: float, shape: float) -> Floats:
    """Gamma distribution on the grid of losses; a tenth of it is mirrored to gains."""
    log_mass = shape * np.log(LOSSES) - shape * LOSSES / mean  # the grid is one of logarithms
    mass = np.exp(log_mass - log_mass.max())
    mass /= mass.sum()
    return np.r_[_GAIN * mass[::-1], 0, (1 - _GAIN) * mass]


def small_drops(scale: float) -> Floats:
    """No drop with probability one half, otherwise a double exponential of this scale; at scale 0 always none."""
    nothing = (DROPS == 0).astype(np.float64)
    if scale == 0:
        return nothing
    mass = np.where(nothing > 0, 0, np.exp(-np.abs(DROPS) / scale) * np.gradient(DROPS))
    return (nothing + mass / mass.sum()) / 2
