"""Dead and silent units."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


def dead(largest: Floats, mean: Floats) -> Floats:
    """Tell which units are zero everywhere on every image.

    A map whose maximum and mean are both zero is zero everywhere.

    Parameters
    ----------
    largest, mean : (unit, image) arrays
        Maximum and mean over space.

    Returns
    -------
    (unit,) array
        1 for dead units, 0 for all others.
    """
    return ((largest == 0).all(axis=1) & (mean == 0).all(axis=1)).astype(np.float64)
