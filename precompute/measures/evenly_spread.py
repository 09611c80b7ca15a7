"""Positions that are spread evenly over a list, for whatever is tried out on some of many."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def evenly_spread(n: int, n_chosen: int) -> NDArray[np.integer[Any]]:
    """Choose positions of a list, evenly from the first to the last.

    Parameters
    ----------
    n : int
        Length of the list, at least 1.
    n_chosen : int
        How many positions, at least 1; all of them where the list has fewer.

    Returns
    -------
    (position,) integer array
        In order, each once.
    """
    return np.unique(np.linspace(0, n - 1, n_chosen).astype(np.int64))
