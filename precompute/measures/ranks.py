"""Ranks in which equal numbers share the average of their places."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def average_ranks(values: Floats) -> Floats:
    """Rank numbers along the last axis; equal numbers share the average of their places.

    Parameters
    ----------
    values : (..., n) array
        Numbers without NaN.

    Returns
    -------
    (..., n) float64 array
        1 for the smallest of distinct numbers, n for the largest.
    """
    order = np.argsort(values, axis=-1, kind="stable")
    ascending = np.take_along_axis(values, order, axis=-1)
    differs = ascending[..., 1:] != ascending[..., :-1]
    edge = np.ones((*values.shape[:-1], 1), dtype=bool)
    place = np.arange(values.shape[-1])
    starts = np.where(np.concatenate([edge, differs], axis=-1), place, 0)
    ends = np.where(np.concatenate([differs, edge], axis=-1), place, values.shape[-1] - 1)
    first = np.maximum.accumulate(starts, axis=-1)
    last = np.minimum.accumulate(ends[..., ::-1], axis=-1)[..., ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2 + 1, axis=-1)
    return ranks
