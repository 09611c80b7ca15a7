"""Confidence intervals of means of skewed numbers: an effect on few images has a long tail on one side."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

NORMAL_95 = 1.959964
"""95 % of a normal distribution lie within this many standard deviations of its mean."""

_SYMMETRIC = 1e-6  # below this skewness the interval is computed as a symmetric one


def skewed_interval(mean: Floats, error: Floats, skewness: Floats) -> tuple[Floats, Floats]:
    r"""Return the limits of the 95 % interval of a mean, by Hall's transformation.

    The Studentized mean :math:`T` of skewed numbers is skewed to the opposite side. :math:`T + A T^2 / 3 + A^2 T^3 / 27
    + A / 6`, with :math:`A` the skewness of the mean, is normal to the next order, and can be inverted.

    Parameters
    ----------
    mean, error, skewness : arrays of one shape
        The mean, its standard error, and its skewness: the skewness of the numbers divided by the square root of their
        count.

    Returns
    -------
    low, high : arrays of that shape
        NaN where the error or the skewness is.

    References
    ----------
    Hall 1992, "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54, 221-228.
    """
    small = np.abs(skewness) < _SYMMETRIC
    a = np.where(small, 1.0, skewness)
    low, high = (
        mean - error * np.where(small, x, 3 / a * (np.cbrt(1 + a * (x - a / 6)) - 1)) for x in (NORMAL_95, -NORMAL_95)
    )
    return np.asarray(low), np.asarray(high)
