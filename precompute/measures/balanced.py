"""Balanced accuracy: the scale of the published tables of Bau et al., with chance at one half.

A class that loses 20 points of accuracy loses about 10 points of balanced accuracy. Never show both in one chart.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Counts = NDArray[np.integer[Any]] | Floats


def balanced_accuracy(right: Counts, named: Counts, count: Counts, n_images: int) -> Floats:
    r"""Balanced accuracy of classes against the rest, from counts of images.

    .. math:: \frac{1}{2} \left( \frac{\text{images of c called c}}{\text{images of c}} +
              \frac{\text{other images not called c}}{\text{other images}} \right)

    Parameters
    ----------
    right : array
        Number of images of a class that are predicted as the class; of any shape, such as (ablation, class).
    named : array of that shape
        Number of images of any class that are predicted as this class.
    count : array that broadcasts to that shape
        Number of images of the class.
    n_images : int
        Number of images of all classes.

    Returns
    -------
    array of that shape
        In [0, 1]; NaN for a class without images, and for one that has all of them.

    References
    ----------
    Bau et al. 2020, "Understanding the role of individual units in a deep neural network", PNAS (arXiv:2009.05041).
    """
    others = n_images - count
    hits = right / np.where(count, count, np.nan)
    false_alarms = (named - right) / np.where(others, others, np.nan)
    return (hits + 1 - false_alarms) / 2
