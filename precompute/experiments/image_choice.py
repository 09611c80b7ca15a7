"""Which images an experiment uses: some of every class, and halves to choose on and to measure on."""

import numpy as np

from precompute.errors import OptionError
from precompute.measures.halves import halves


def choose_images(label: np.ndarray, per_class: int | None) -> np.ndarray:
    """Choose images of every class, spread evenly over it.

    Parameters
    ----------
    label
        (image,) class of each image.
    per_class
        How many of each class, or all that it has; all where None.

    Returns
    -------
    np.ndarray
        Indices of images, class by class where a number is given.
    """
    if per_class is None:
        return np.arange(len(label))
    of_class = [np.flatnonzero(label == c) for c in np.unique(label)]
    counts = [min(per_class, len(found)) for found in of_class]
    return np.concatenate([found[np.arange(n) * len(found) // n] for found, n in zip(of_class, counts, strict=True)])


def choose_halves(label: np.ndarray, per_class: int | None, *, seed: int) -> np.ndarray:
    """Divide images into those to rank units on and those to measure accuracy on.

    Parameters
    ----------
    label
        (image,) class of each image.
    per_class
        Use so many images of each class, spread evenly over it; all where None.
    seed
        Of the halves.

    Returns
    -------
    np.ndarray
        (image,) int32: 0 to rank on, 1 to measure on, -1 for images that are not used.
    """
    used = choose_images(label, per_class)
    half = np.full(len(label), -1, dtype=np.int32)
    half[used] = halves(label[used], seed=seed)
    return half


def choose_nonempty_halves(label: np.ndarray, per_class: int | None, *, seed: int) -> np.ndarray:
    """Divide images as :func:`choose_halves` does, where both parts are needed.

    Raises
    ------
    OptionError
        Where nothing is left to measure on.
    """
    half = choose_halves(label, per_class, seed=seed)
    if not ((half == 0).any() and (half == 1).any()):
        raise OptionError(
            "Units are ranked on one half of the images and tried on the other, but there are only "
            f"{int((half >= 0).sum())} images, so that one half is empty. Use more images of a class."
        )
    return half
