"""The class that a unit answers to most, as far as the images can tell."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.seeds import t_quantile
from precompute.measures.selectivity import class_means

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

BEHIND = 0.025
"""A class is behind the leading class if at most this share of random divisions of their images gives such a lead."""

BEHIND_FOR_EACH = 0.005
"""The same for each other class that has images, where fewer than six have some: few classes are soon led by chance.

So one or two in a hundred idle units have a class named, for any number of classes. Of two classes, `BEHIND` named one
for 3 to 7 % of the units that answer to all classes alike.
"""

MOST_NAMED = 3
"""Most classes that are named together where no single class can be named; fewer where there are fewer than nine."""

FEWEST_TIMES = 5
"""Fewest images of a class for an interval of how many times as strongly a unit answers to it.

With two or three images, 54 to 85 % of simulated intervals held the truth, and with one hardly any.
"""

_DRAWS = 500
_ROUNDING = 1e-9
_CONTENDERS = 12


def preferred_classes(activation: Floats, label: Ints, n_classes: int, *, seed: int = 0) -> tuple[int, ...]:
    """Name the class whose images a unit answers to most; several classes where the images do not settle it.

    The class of the highest mean leads. For each other class, a permutation test asks whether chance gives the leading
    class such a lead: the images of the two classes are divided again at random into two classes of the same sizes. So
    a single image that drives the unit says little, however strong it is. (A bootstrap within each class assumes that
    classes without such an image have none: of units that answer to one image in fifty it named a class for 3 to 43 %,
    and 2 to 17 % of these classes were right.)

    Parameters
    ----------
    activation : (image,) array
        The unit's activation.
    label : (image,) integer array
        Class of each image.
    n_classes : int
        Number of classes.
    seed : int
        The same seed gives the same divisions.

    Returns
    -------
    tuple of int
        The leading class and the classes that are not behind it, see :data:`BEHIND` and :data:`BEHIND_FOR_EACH`, the
        highest mean first. Empty
        where these are more than :data:`MOST_NAMED`, or several and more than a third of all there are, and where the
        unit answers to all classes alike.
        Where only one class has images, it is named.

    References
    ----------
    Hung and Fithian 2019, "Rank verification for exponential families", Annals of Statistics 47, 758-782: to say which
    of many is the highest takes no correction for how many there are. Janssen 1997, "Studentized permutation tests for
    non-i.i.d. hypotheses", Statistics and Probability Letters 36, 9-21, for the lead in standard errors.
    """
    means = class_means(activation[None], label, n_classes)[0]
    known = np.flatnonzero(~np.isnan(means))
    # Classes after the first dozen are taken to be behind the first.
    contenders = known[np.argsort(-means[known], kind="stable")[:_CONTENDERS]]
    if len(contenders) == 0 or (len(known) > 1 and np.ptp(means[known]) == 0):
        return ()
    values = [activation[label == c].astype(np.float64) for c in contenders]
    divisions: dict[tuple[int, int], Ints] = {}
    behind = min(BEHIND, BEHIND_FOR_EACH * (len(known) - 1))
    named = [int(contenders[0])]
    for other, contender in zip(values[1:], contenders[1:], strict=True):
        sizes = len(values[0]), len(other)
        if sizes not in divisions:
            divisions[sizes] = _divisions(*sizes, np.random.default_rng(seed))
        if _as_far(values[0], other, divisions[sizes]) > behind:
            named.append(int(contender))
    # Of few classes some is far behind the first by chance, so that two of three would be named for idle units.
    most = min(MOST_NAMED, max(1, len(known) // 3))
    return tuple(named) if len(named) <= most else ()


def _divisions(n_first: int, n_other: int, rng: np.random.Generator) -> Ints:
    """Draw which of the images of both classes form the first class, (draw, image)."""
    order = rng.random((_DRAWS, n_first + n_other), dtype=np.float32)
    return np.argpartition(order, n_first - 1, axis=1)[:, :n_first]


def _as_far(first: Floats, other: Floats, divisions: Ints) -> float:
    """Return the share of divisions that give the first class such a lead, the real division counted among them.

    It is the larger one of two shares: of leads, and of leads in standard errors.
    """
    everything = np.concatenate([first, other])
    everything = everything / (np.abs(everything).max() or 1.0)
    sums, squares = everything[divisions].sum(axis=1), (everything**2)[divisions].sum(axis=1)
    real = everything[: len(first)]
    sums, squares = np.r_[real.sum(), sums], np.r_[(real**2).sum(), squares]
    lead, error = _lead(sums, squares, everything, len(first))
    in_errors = lead / np.maximum(error, _ROUNDING)
    return float(max((each >= each[0] - _ROUNDING * max(1, abs(each[0]))).mean() for each in (lead, in_errors)))


def _lead(sums: Floats, squares: Floats, everything: Floats, n_first: int) -> tuple[Floats, Floats]:
    """Return how far the mean of the first class is above that of the other, and its standard error, (division,)."""
    sizes = n_first, len(everything) - n_first
    totals = (sums, squares), (everything.sum() - sums, (everything**2).sum() - squares)
    means = [each[0] / n for each, n in zip(totals, sizes, strict=True)]
    variances = [
        np.maximum(each[1] - n * mean**2, 0) / max(n - 1, 1) / n
        for each, n, mean in zip(totals, sizes, means, strict=True)
    ]
    return means[0] - means[1], np.sqrt(variances[0] + variances[1])


def times_interval(activation: Floats, label: Ints, n_classes: int, chosen: int) -> tuple[float, float]:
    """Return the 95 % interval of the ratio of a unit's mean on a class to its mean on the other classes.

    The ratio is the mean over the class's images, divided by the mean of the other classes' means. The interval is
    computed for its logarithm by the delta method, with the images of every class as the sample. Few images say little
    about how much they vary, so Student's distribution stands for the normal one.

    Parameters
    ----------
    activation : (image,) array
        The unit's activation, nowhere below zero.
    label : (image,) integer array
        Class of each image.
    n_classes, chosen : int
        Number of classes, and the class in question.

    Returns
    -------
    (float, float)
        NaN where the class or the others have a mean of zero, or the class has fewer than :data:`FEWEST_TIMES` images.

    References
    ----------
    Katz et al. 1978, "Obtaining confidence intervals for the risk ratio in cohort studies", Biometrics 34, 469-474.
    Satterthwaite 1946, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2,
    110-114, for the degrees of freedom.
    """
    count = np.bincount(label, minlength=n_classes)
    mean = class_means(activation[None], label, n_classes)[0]
    others = (count > 0) & (np.arange(n_classes) != chosen)
    if count[chosen] < FEWEST_TIMES or not others.any() or not mean[chosen] > 0 or not mean[others].mean() > 0:
        return float("nan"), float("nan")
    rest = mean[others].mean()
    freedom = np.maximum(count - 1, 1)
    error = np.bincount(label, weights=(activation - mean[label]) ** 2, minlength=n_classes) / freedom
    error /= np.maximum(count, 1) * np.where(others, others.sum() * rest, mean[chosen]) ** 2
    parts, free = error[count > 0], freedom[count > 0]
    variance, fourth = float(parts.sum()), float((parts**2 / free).sum())
    times = t_quantile(0.975, variance**2 / fourth) if fourth > 0 else 0.0
    low, high = mean[chosen] / rest * np.exp(np.array([-1, 1]) * times * variance**0.5)
    return float(low), float(high)
