"""A unit as a detector of a class: how well its activation alone separates the images of that class from others."""

from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.class_correlation import strongest_class
from precompute.measures.ranks import average_ranks
from precompute.measures.shuffles import ShuffleNull, label_shuffle_null

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


def one_against_rest(activation: Floats, label: Ints, n_classes: int) -> Floats:
    """Area under the ROC curve of every unit for every class against all others.

    The probability that the unit answers an image of the class more strongly than an image of another class; a tie
    counts half, which matters for rectified units that rest at zero.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image, without NaN.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.

    Returns
    -------
    (unit, class) array
        In [0, 1]; 0.5 for chance, below 0.5 for units that are weaker on the class. NaN for classes without images or
        with all images.

    References
    ----------
    Hanley and McNeil 1982, "The meaning and use of the area under a receiver operating characteristic (ROC) curve",
    Radiology 143, 29-36.
    """
    return _areas(average_ranks(activation), label, n_classes)


def best_area_null(activation: Floats, label: Ints, n_classes: int, *, draws: int = 100, seed: int = 0) -> ShuffleNull:
    """Best area of every unit over the classes, beside what shuffled labels give: a maximum is large by chance too.

    Parameters are those of :func:`one_against_rest`, and those of the shuffles: `draws`, their number, and `seed`.

    Returns
    -------
    ShuffleNull
        (unit,) arrays; NaN where no class has an area.
    """
    ranks = average_ranks(activation)
    return label_shuffle_null(
        lambda labels: strongest_class(_areas(ranks, labels, n_classes))[0], label, draws=draws, seed=seed
    )


def best_area_by_chance(n_of_class: int, n_images: int, n_units: int, *, level: float = 0.95) -> float:
    r"""Return the area that the best of several units stays below for a given class, if no unit knows any class.

    .. math:: \frac{1}{2} + z \sqrt{\frac{N + 1}{12 \, n_c (N - n_c)}}

    with z the normal quantile of :math:`0.95^{1/U}` for U units. It is rather too high for a class of a few images,
    where the area is not normal, for units that tie on many images, and for units that are alike.

    Parameters
    ----------
    n_of_class, n_images, n_units : int
        Images of the class, images in all, and units.
    level : float
        How often the best area stays below.

    Returns
    -------
    float
        At most 1; NaN where the class has no or all images, or there is no unit.

    References
    ----------
    Mann and Whitney 1947, "On a test of whether one of two random variables is stochastically larger than the other",
    Annals of Mathematical Statistics 18, 50-60.
    """
    pairs = n_of_class * (n_images - n_of_class)
    if not pairs or not n_units:
        return float("nan")
    deviation = ((n_images + 1) / (12 * pairs)) ** 0.5
    return min(1.0, 0.5 + NormalDist().inv_cdf(level ** (1 / n_units)) * deviation)


def precision_at_k(activation: Floats, label: Ints, n_classes: int, *, k: int) -> Floats:
    """Share of each class among the k images that drive a unit most.

    Where images tie at the cut, the share is averaged over all ways to choose among them.

    Parameters
    ----------
    activation : (unit, image) array
        One number per unit and image, without NaN.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.
    k : int
        How many images, at least 1; all where there are fewer.

    Returns
    -------
    (unit, class) array
        In [0, 1]; the shares add up to 1 over the classes. By chance it is the class's share of all images. NaN without
        images.
    """
    return _shares(_among_the_first(activation, k), label, n_classes)


def best_precision_null(
    activation: Floats, label: Ints, n_classes: int, *, k: int, draws: int = 100, seed: int = 0
) -> ShuffleNull:
    """Best precision at k of every unit over the classes, beside what shuffled labels give.

    Parameters are those of :func:`precision_at_k`, and those of the shuffles: `draws`, their number, and `seed`.

    Returns
    -------
    ShuffleNull
        (unit,) arrays; NaN without images.
    """
    among = _among_the_first(activation, k)
    return label_shuffle_null(
        lambda labels: strongest_class(_shares(among, labels, n_classes))[0], label, draws=draws, seed=seed
    )


def _areas(ranks: Floats, label: Ints, n_classes: int) -> Floats:
    count = np.bincount(label, minlength=n_classes)
    pairs = count * (len(label) - count)
    return (_class_sums(ranks, label, n_classes) - count * (count + 1) / 2) / np.where(pairs, pairs, np.nan)


def _among_the_first(activation: Floats, k: int) -> Floats:
    """Return 1 for the k images that drive a unit most, 0 for others, a fraction for ties at the cut: (unit, image)."""
    k = min(k, activation.shape[1])
    among = np.zeros(activation.shape)
    for place, row in zip(among, activation if k else (), strict=bool(k)):
        cut = np.partition(row, -k)[-k]
        above, tied = row > cut, row == cut
        place[above] = 1
        place[tied] = (k - above.sum()) / tied.sum()
    return among


def _shares(among: Floats, label: Ints, n_classes: int) -> Floats:
    held = among.sum(axis=1, keepdims=True)
    return _class_sums(among, label, n_classes) / np.where(held > 0, held, np.nan)


def _class_sums(values: Floats, label: Ints, n_classes: int) -> Floats:
    sums = np.empty((len(values), n_classes))
    for place, row in zip(sums, values, strict=True):
        place[:] = np.bincount(label, weights=row, minlength=n_classes)
    return sums
