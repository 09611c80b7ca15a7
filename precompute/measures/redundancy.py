"""How many others do what a unit does."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def unit_correlations(activation: Floats) -> Floats:
    """Pearson correlation of every two units over the images.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image.

    Returns
    -------
    (unit, unit) array
        In [-1, 1]; NaN for units that do not vary.
    """
    direction = _directions(activation)
    return np.clip(direction @ direction.T, -1, 1)


def redundancy(activation: Floats, *, threshold: float = 0.5) -> Floats:
    """Count the other units whose activation goes with a unit's, or against it.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image.
    threshold : float
        Absolute correlation from which a unit counts.

    Returns
    -------
    (unit,) array
        0 ... units - 1; NaN for units that do not vary, which count for no other unit either.

    References
    ----------
    Casper et al. 2021, "Frivolous units: wider networks are not really that wide" (arXiv:1912.04783).
    """
    r = unit_correlations(activation)
    others = (np.abs(r) >= threshold).sum(axis=1) - 1.0
    return np.where(np.isnan(np.diag(r)), np.nan, others)


def n_components(activation: Floats, *, share: float = 0.95) -> int:
    """Count the principal components that hold a share of a layer's variance: few for a redundant layer.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image, in the units' own scales.
    share : float
        Share of the variance, in (0, 1].

    Returns
    -------
    int
        0 for a layer that does not vary.
    """
    values = activation.astype(np.float64)
    away = values - values.mean(axis=1, keepdims=True)
    variance = np.clip(np.linalg.eigvalsh(away @ away.T)[::-1], 0, None)
    total = variance.sum()
    if total <= 0:
        return 0
    # Rounding must not ask for one component more.
    return int(np.searchsorted(variance.cumsum() / total, share - 1e-12) + 1)


def _directions(activation: Floats) -> Floats:
    """Return each unit's distances from its mean, of length 1; NaN where they are no more than rounding."""
    values = activation.astype(np.float64)
    away = values - values.mean(axis=1, keepdims=True)
    length = np.sqrt((away**2).sum(axis=1, keepdims=True))
    rounding = 1e-12 * np.sqrt((values**2).sum(axis=1, keepdims=True))
    return away / np.where(length > rounding, length, np.nan)
