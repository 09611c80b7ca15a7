"""Images that two units both lose when each is silenced, and how many they would share by chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class SharedLosses:
    """The number of images that two sets have in common.

    Parameters
    ----------
    one, other, shared : int
        Number of images in the first set, in the second, and in both.
    expected, deviation : float
        Mean and standard deviation of ``shared`` by chance.
    """

    one: int
    other: int
    shared: int
    expected: float
    deviation: float


def shared_losses(one: Bools, other: Bools, could: Bools, label: Ints) -> SharedLosses:
    r"""Count the images that two sets have in common.

    By chance, the second set has the same number of images of each class, drawn from all images of the class that could
    be in it. So two units that hurt the same class share some images by chance. For a class with n such images, a in
    the first set and b in the second, the mean is a b / n and the variance

    .. math:: \frac{a b (n - a) (n - b)}{n^2 (n - 1)}

    as in the hypergeometric distribution; both are summed over the classes.

    Parameters
    ----------
    one, other : (image,) bool arrays
        The sets.
    could : (image,) bool array
        Images that can be lost, because they are right with nothing ablated; the sets lie within it.
    label : (image,) integer array
        Class of each image.

    Returns
    -------
    SharedLosses
    """
    n_classes = int(label.max(initial=-1)) + 1
    a, b, n = (np.bincount(label[held], minlength=n_classes).astype(np.float64) for held in (one, other, could))
    expected = a * b / np.maximum(n, 1)
    variance = expected * (n - a) * (n - b) / (np.maximum(n, 1) * np.maximum(n - 1, 1))
    return SharedLosses(
        int(one.sum()),
        int(other.sum()),
        int((one & other).sum()),
        float(expected.sum()),
        float(np.sqrt(variance.sum())),
    )
