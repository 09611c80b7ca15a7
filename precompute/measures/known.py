"""Numbers of which some are not defined."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mean_of_known(values: NDArray[np.floating[Any]]) -> float:
    """Return the mean of the values that are defined.

    Parameters
    ----------
    values : array
        Numbers of any shape; NaN where one is not defined.

    Returns
    -------
    float
        NaN where none is defined, or there is none.
    """
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")
