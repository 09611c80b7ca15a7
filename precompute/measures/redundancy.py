"""Redundancy: how many other units of a layer have activations that correlate with a unit's."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_IMAGES_AT_A_TIME = 4096


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
    products, size = _products(activation)
    length = np.sqrt(np.diag(products))
    # The mean of equal numbers may come out a rounding error beside them.
    length = np.where(length > 1e-12 * size, length, np.nan)
    return np.clip(products / np.outer(length, length), -1, 1)


def closest_unit(r: Floats) -> tuple[Floats, Floats]:
    """Return, for each unit, the other unit with the largest absolute correlation, and the correlation.

    Parameters
    ----------
    r : (unit, unit) array
        From :func:`unit_correlations`.

    Returns
    -------
    closest, correlation : (unit,) arrays
        The other unit, the first among equals, and the correlation in [-1, 1]; NaN for units that do not vary, and
        where no other unit varies.
    """
    size = np.where(np.isnan(r), -1, np.abs(r))
    np.fill_diagonal(size, -1)
    if not size.size:
        return np.full(len(r), np.nan), np.full(len(r), np.nan)
    closest = size.argmax(axis=1)
    unit = np.arange(len(r))
    found = size[unit, closest] >= 0
    return np.where(found, closest, np.nan), np.where(found, r[unit, closest], np.nan)


def redundancy(activation: Floats, *, threshold: float = 0.5) -> Floats:
    """Count the other units whose activation correlates with a unit's, positively or negatively.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image.
    threshold : float
        Absolute correlation from which a unit counts.

    Returns
    -------
    (unit,) array
        0 ... units - 1; NaN for units that do not vary, which are not counted for other units either.

    References
    ----------
    Casper et al. 2021, "Frivolous units: wider networks are not really that wide" (arXiv:1912.04783).
    """
    r = unit_correlations(activation)
    others = (np.abs(r) >= threshold).sum(axis=1) - 1.0
    return np.where(np.isnan(np.diag(r)), np.nan, others)


def n_components(activation: Floats, *, share: float = 0.95) -> int:
    """Count the principal components that explain a share of a layer's variance: few for a redundant layer.

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
    products, _ = _products(activation)
    variance = np.clip(np.linalg.eigvalsh(products)[::-1], 0, None)
    total = variance.sum()
    if total <= 0:
        return 0
    # Rounding must not add one component.
    return int(np.searchsorted(variance.cumsum() / total, share - 1e-12) + 1)


def _products(activation: Floats) -> tuple[Floats, Floats]:
    """Sum products of deviations from the means over the images, (unit, unit), and take each unit's norm, (unit,).

    Images are taken in blocks, because all of them in double precision may not fit into memory.
    """
    products, squares = np.zeros((len(activation), len(activation))), np.zeros(len(activation))
    if not activation.shape[1]:  # no image has no mean
        return products, squares
    mean = activation.mean(axis=1, keepdims=True, dtype=np.float64)
    for start in range(0, activation.shape[1], _IMAGES_AT_A_TIME):
        values = activation[:, start : start + _IMAGES_AT_A_TIME].astype(np.float64)
        away = values - mean
        products += away @ away.T
        squares += (values**2).sum(axis=1)
    return products, np.sqrt(squares)
