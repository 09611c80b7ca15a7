"""How two measures go together over the units of one layer, and how sure that is.

Never pool layers: their measures differ in scale, and a difference between layers would pass for a relation between
units.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.ranks import average_ranks

Floats = NDArray[np.floating[Any]]

_BLOCK = 2**22  # resampled numbers held at a time


@dataclass(frozen=True)
class Correlation:
    """A correlation over units.

    Parameters
    ----------
    r : float
        In [-1, 1]; NaN where a measure does not vary, or where fewer units than three and the number of controls have
        all the measures.
    low, high : float
        Limits of its bootstrap interval; NaN where ``r`` is.
    n_units : int
        Units that have all the measures.
    """

    r: float
    low: float
    high: float
    n_units: int


def pearson(x: Floats, y: Floats) -> Floats:
    """Pearson correlation along the last axis.

    Parameters
    ----------
    x, y : (..., n) arrays of shapes that broadcast
        Pairs with a NaN are left out.

    Returns
    -------
    (...) array
        In [-1, 1]; NaN where either does not vary, or for fewer than three pairs.
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
    # What is left out ranks last in both, where it disturbs nobody's rank.
    ranks = (np.where(left_out, np.nan, average_ranks(np.where(left_out, np.inf, values))) for values in (x, y))
    return pearson(*ranks)


def correlate(
    measures: Sequence[Floats], *, ranks: bool = True, draws: int = 1000, seed: int = 0, level: float = 0.95
) -> Correlation:
    """Correlate two measures over units, if asked with others held fixed, and bootstrap the units.

    Parameters
    ----------
    measures : sequence of (unit,) arrays
        The two to correlate, and the controls: a partial correlation, that of what the controls do not explain
        linearly, where there are any. Units that lack one (NaN) are left out: dead units have no selectivity.
    ranks : bool
        Spearman's correlation, which a few extreme units cannot make; Pearson's otherwise.
    draws : int
        Bootstrap resamples of the units.
    seed : int
        Same seed, same resamples.
    level : float
        Share of the resamples inside the percentile interval.

    Returns
    -------
    Correlation

    References
    ----------
    Efron and Tibshirani 1993, "An introduction to the bootstrap", chapter 13.
    """
    table = np.stack(measures).astype(np.float64)
    table = table[:, ~np.isnan(table).any(axis=0)]
    n_units = table.shape[1]
    if n_units < len(table) + 1:
        return Correlation(np.nan, np.nan, np.nan, n_units)
    r = float(_partial(table[None], ranks=ranks)[0])
    rng = np.random.default_rng(seed)
    per_block = max(1, _BLOCK // table.size)
    drawn = np.concatenate(
        [
            _partial(_resampled(table, min(per_block, draws - start), rng), ranks=ranks)
            for start in range(0, draws, per_block)
        ]
    )
    drawn = drawn[~np.isnan(drawn)]
    if np.isnan(r) or not len(drawn):
        return Correlation(np.nan, np.nan, np.nan, n_units)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Correlation(r, float(low), float(high), n_units)


def _deviations(values: Floats, kept: NDArray[np.bool_]) -> Floats:
    """Return the distances from the mean of what is kept, 0 elsewhere and where nothing varies."""
    held = np.where(kept, values, 0).astype(np.float64)
    n_kept = np.maximum(kept.sum(axis=-1, keepdims=True), 1)
    away = np.where(kept, held - held.sum(axis=-1, keepdims=True) / n_kept, 0)
    # The mean of equal numbers may come out a rounding error beside them.
    noise = 1e-13 * np.abs(held).max(axis=-1, keepdims=True, initial=0)
    return np.where(np.abs(away).max(axis=-1, keepdims=True, initial=0) > noise, away, 0)


def _resampled(table: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Draw units with replacement, (draw, measure, unit)."""
    n_units = table.shape[1]
    return np.moveaxis(table[:, rng.integers(0, n_units, (draws, n_units))], 0, 1)


def _partial(tables: Floats, *, ranks: bool) -> Floats:
    """Correlate the first two rows of each (measure, unit) table given the others; NaN where that is not defined."""
    if ranks:
        tables = average_ranks(tables)
    away = _deviations(tables, np.ones(tables.shape, dtype=bool))
    length = np.sqrt((away**2).sum(axis=-1, keepdims=True))
    unit_length = away / np.where(length > 0, length, np.nan)
    matrix = unit_length @ np.swapaxes(unit_length, -1, -2)
    if matrix.shape[-1] == 2:
        return np.clip(matrix[:, 0, 1], -1, 1)
    return _given_the_rest(matrix)


def _given_the_rest(matrix: Floats) -> Floats:
    """Partial correlation of the first two of correlated variables; NaN where the others leave nothing of one."""
    among_rest, with_rest = matrix[:, 2:, 2:], matrix[:, :2, 2:]
    defined = np.asarray(~np.isnan(matrix).any(axis=(1, 2)))
    among_rest = np.where(defined[:, None, None], among_rest, np.eye(among_rest.shape[-1]))
    explained = with_rest @ np.linalg.pinv(among_rest, hermitian=True) @ np.swapaxes(with_rest, -1, -2)
    left = matrix[:, :2, :2] - explained
    variance = left[:, [0, 1], [0, 1]].min(axis=1)
    defined &= variance > 1e-10
    product = np.where(defined, left[:, 0, 0] * left[:, 1, 1], np.nan)
    return np.clip(left[:, 0, 1] / np.sqrt(product), -1, 1)
