"""Numbers read off an ablation curve: accuracy against how many units of a layer have been removed, one after another.

Step 0 of a curve is the whole network, its last step the layer without any unit.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def area(curve: Floats, n_removed: Ints) -> Floats:
    """Area under a curve over the share of units removed: the mean accuracy along the way.

    Parameters
    ----------
    curve : (..., step) array
        Accuracy, or any other scale.
    n_removed : (step,) integer array
        How many units are removed at each step, from 0 on; shares are of the last. Steps may be uneven.

    Returns
    -------
    (...) array
        On the scale of the curve, by the trapezoidal rule. High for a layer that withstands removal in this order. NaN
        where the curve has a NaN.

    References
    ----------
    Morcos, Barrett, Rabinowitz, Botvinick 2018 (arXiv:1803.06959) compare networks by such areas.
    """
    return np.asarray(np.trapezoid(curve, n_removed / n_removed[-1], axis=-1))


def steps_to_half(curve: Floats, *, chance: float = 0.0) -> Floats:
    """Return k50: after how many removals the curve is first at half of where it began, or below.

    Parameters
    ----------
    curve : (..., step) array
        Accuracy at every step.
    chance : float
        The zero of the scale: 0 for accuracy, and 0.5 for balanced accuracy, whose half would be below chance.

    Returns
    -------
    (...) array
        1 ... units; NaN where the curve never falls to half, or does not begin above chance.
    """
    height = curve - chance
    begin = height[..., :1]
    fallen = (height <= begin / 2) & (begin > 0)
    return np.where(fallen.any(axis=-1), fallen.argmax(axis=-1), np.nan)


def steepest_fall(curve: Floats, *, window: float = 0.05) -> tuple[Floats, Ints]:
    """Find the largest fall of a curve within a few removals: the phase transition, as a number.

    "Phase transition" is the authors' word for an abrupt fall. Our definition is the largest fall while a given share
    of the units is removed. Random orders have a steepest fall too: compare with theirs.

    Parameters
    ----------
    curve : (..., step) array
        Accuracy at every step, at least two.
    window : float
        Share of the units that are removed within the window; one unit at least.

    Returns
    -------
    fall : (...) array
        On the scale of the curve; 0 or below for curves that never fall.
    start : (...) integer array
        Step where the window begins, the first among equals. It ends ``window_steps`` further on.

    References
    ----------
    Zhao and Zhang 2021 (arXiv:2103.09716) for the word.
    """
    width = window_steps(curve.shape[-1] - 1, window)
    fall = curve[..., :-width] - curve[..., width:]
    return fall.max(axis=-1), fall.argmax(axis=-1)


def window_steps(n_units: int, window: float = 0.05) -> int:
    """Return how many removals a window holds: its share of the units, rounded, at least one."""
    return min(max(1, round(window * n_units)), max(n_units, 1))


def withstood(removed: Floats, agreement: Floats, *, floor: float = 0.8) -> Floats:
    """Prunability: the fraction of units that can go while enough predictions stay as they were.

    Parameters
    ----------
    removed : (step,) array
        Fraction of units removed, rising from 0.
    agreement : (..., step) array
        Fraction of images with the prediction of the whole network, right or wrong.
    floor : float
        Agreement that is enough.

    Returns
    -------
    (...) array
        In [0, 1], interpolated between the first step at which the agreement is below the floor and the step before it;
        the last of ``removed`` where the agreement is never below the floor.

    References
    ----------
    Casper et al. 2021, "Frivolous units: wider networks are not really that wide" (arXiv:1912.04783).
    """
    below = agreement < floor
    after = np.where(below.any(axis=-1), below.argmax(axis=-1), agreement.shape[-1] - 1)
    before = np.maximum(after - 1, 0)
    high, low = (np.take_along_axis(agreement, place[..., None], axis=-1)[..., 0] for place in (before, after))
    crossed = (low < floor) & (high > low)
    share = np.divide(high - floor, high - low, out=np.ones(high.shape), where=crossed)
    return removed[before] + share * (removed[after] - removed[before])
