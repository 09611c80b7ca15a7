"""Pearson's and Spearman's correlation of two rows of numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.ranks import average_ranks

Floats = NDArray[np.floating[Any]]


def pearson(x: Floats, y: Floats) -> Floats:
    """Pearson correlation along the last axis.

    Parameters
    ----------
    x, y : (..., n) arrays of shapes that broadcast
        Pairs with a NaN are left out.

    Returns
    -------
    (...) array
        In [-1, 1]; NaN where x or y does not vary, and for fewer than three pairs.
    """
    x, y = np.broadcast_arrays(x, y)
    kept = ~(np.isnan(x) | np.isnan(y))
    n_kept = kept.sum(axis=-1)
    dx, dy = _deviations(x, kept), _deviations(y, kept)
    spread = np.sqrt((dx**2).sum(axis=-1)) * np.sqrt((dy**2).sum(axis=-1))
    defined = (n_kept >= 3) & (spread > 0)
    return np.clip((dx * dy).sum(axis=-1) / np.where(defined, spread, np.nan), -1, 1)


def spearman(x: Floats, y: Floats) -> Floats:
    """Spearman correlation along the last axis: Pearson's of the ranks; equal numbers share a rank.

    Parameters and result are those of :func:`pearson`; numbers must be finite or NaN.
    """
    x, y = np.broadcast_arrays(x, y)
    left_out = np.isnan(x) | np.isnan(y)
    # Pairs that are left out rank last in both, so they do not change other ranks.
    ranks = (np.where(left_out, np.nan, average_ranks(np.where(left_out, np.inf, values))) for values in (x, y))
    return pearson(*ranks)


def _deviations(values: Floats, kept: NDArray[np.bool_]) -> Floats:
    """Return the distances from the mean of what is kept, 0 elsewhere and where nothing varies."""
    held = np.where(kept, values, 0).astype(np.float64)
    n_kept = np.maximum(kept.sum(axis=-1, keepdims=True), 1)
    away = np.where(kept, held - held.sum(axis=-1, keepdims=True) / n_kept, 0)
    # The mean of equal numbers may come out a rounding error beside them.
    noise = 1e-13 * np.abs(held).max(axis=-1, keepdims=True, initial=0)
    return np.where(np.abs(away).max(axis=-1, keepdims=True, initial=0) > noise, away, 0)
