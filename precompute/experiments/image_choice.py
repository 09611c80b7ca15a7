"""Which images an experiment uses: some of every class, and which half of them to choose on or to measure on."""

import numpy as np

from precompute.errors import OptionError
from precompute.measures.halves import halves


def choose_images(label: np.ndarray, per_class: int | None) -> np.ndarray:
    """Choose images of every class, spread evenly over it.

    Parameters
    ----------
    label
        (image,): the class of each image.
    per_class
        How many images of each class, or all that a class has if these are fewer; where None, all images.

    Returns
    -------
    np.ndarray
        (chosen image,): indices of images; class by class, unless all are taken.
    """
    if per_class is None:
        return np.arange(len(label))
    of_class = [np.flatnonzero(label == c) for c in np.unique(label)]
    counts = [min(per_class, len(found)) for found in of_class]
    return np.concatenate([found[np.arange(n) * len(found) // n] for found, n in zip(of_class, counts, strict=True)])


def choose_halves(label: np.ndarray, per_class: int | None, *, seed: int) -> np.ndarray:
    """Choose images of every class, and divide them into a half to rank units on and a half to measure on.

    Parameters
    ----------
    label
        (image,): the class of each image.
    per_class
        How many images of each class to use, spread evenly over it; where None, all images.
    seed
        The seed of the halves.

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
    """Choose halves as :func:`choose_halves` does, and refuse an empty one.

    Raises
    ------
    OptionError
        Where one of the halves has no image.
    """
    half = choose_halves(label, per_class, seed=seed)
    if not ((half == 0).any() and (half == 1).any()):
        raise OptionError(
            "Units are ranked on one half of the images and tried on the other half, but one half is empty. "
            f"Images to choose from: {int((half >= 0).sum())}. Use more images of a class."
        )
    return half
