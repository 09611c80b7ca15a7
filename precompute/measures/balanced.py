"""Balanced accuracy: the scale of the published tables of Bau et al., with chance at one half.

A class that loses 20 points of accuracy loses about 10 points of balanced accuracy. Never show both in one chart.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def balanced_accuracy(prediction: Ints, label: Ints, output_index: Ints) -> Floats:
    r"""Balanced accuracy of each class against the rest.

    .. math:: \frac{1}{2} \left( \frac{\text{images of c called c}}{\text{images of c}} +
              \frac{\text{other images not called c}}{\text{other images}} \right)

    Parameters
    ----------
    prediction : (..., image) integer array
        Output the network names.
    label : (image,) integer array
        Class of each image.
    output_index : (class,) integer array
        The output that each class is.

    Returns
    -------
    (..., class) array
        In [0, 1]; NaN for classes without images or with all of them.

    References
    ----------
    Bau et al. 2020, "Understanding the role of individual units in a deep neural network", PNAS (arXiv:2009.05041).
    """
    n_images = len(label)
    found = np.full((*prediction.shape[:-1], len(output_index)), np.nan)
    for c, output in enumerate(output_index):
        own = label == c
        count = int(own.sum())
        if 0 < count < n_images:
            called = prediction == output
            hit = called[..., own].sum(axis=-1) / count
            false_alarm = called[..., ~own].sum(axis=-1) / (n_images - count)
            found[..., c] = (hit + 1 - false_alarm) / 2
    return found
