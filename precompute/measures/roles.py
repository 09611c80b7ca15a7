"""Four roles of units by what they do for training images and for images held out: our own definition.

The paper that speaks of four categories "according to their performance on training and testing data" (Zhao and Zhang
2021, arXiv:2103.09716) gives no definition that we could find. Ours asks of each set of images whether silencing the
unit lowers the log-odds of the right class by more than a margin, and gives a role only where both answers are told by
the images.

Log-odds, because a network is nearly certain of images that it has learnt: where it is, the log-probability has
nothing left to lose, and a unit that matters to both sets alike would seem to matter to held-out images only.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from precompute.measures.multiplicity import false_discovery
from precompute.measures.shifts import sign_flip_bound

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

ROLES = ("undetermined", "helps both", "helps training only", "helps held-out only", "helps neither")
"""Names of the codes that :func:`roles` returns."""

MARGIN = 0.05
"""In nats: a unit helps where it is worth more than this, 5 % of the right class's odds."""

CERTAIN = 1e-4
"""Probabilities nearer to 0 or 1 than this count as this far: half precision holds no less of their changes."""

LEVEL = 0.05
"""Largest q-value of a role."""


def log_odds_fall(log_prob: Floats, change: Floats) -> Floats:
    """Return how far the log-odds of the right class fall without each unit.

    Parameters
    ----------
    log_prob : (image,) array
        Log-probability of the right class with nothing ablated, in nats.
    change : (unit, image) array
        What silencing the unit adds to it.

    Returns
    -------
    (unit, image) float64 array
        log(p / (1 - p)) with the unit, minus without, p kept between :data:`CERTAIN` and 1 - :data:`CERTAIN`. Positive
        where the unit helps.
    """
    before = log_prob.astype(np.float64)
    return _log_odds(before) - _log_odds(before + change)


def _log_odds(log_prob: Floats) -> Floats:
    wrong = np.clip(-np.expm1(np.minimum(log_prob, 0)), CERTAIN, 1 - CERTAIN)
    return np.asarray(np.log1p(-wrong) - np.log(wrong))


@dataclass(frozen=True, eq=False)
class Falls:
    """Sums over images of how far the log-odds of the right class fall without each unit.

    They add over shards of images, and all else follows from them.

    Parameters
    ----------
    count : (class,) integer array
        Images of each class.
    total, square : (unit, class) arrays
        Sum of the falls in nats, and of their squares, over the images of the class. Positive where the unit helps.
    """

    count: Ints
    total: Floats
    square: Floats

    @classmethod
    def of(cls, fall: Floats, label: Ints, n_classes: int) -> Self:
        """Sum over some images.

        Parameters
        ----------
        fall : (unit, image) array
            Of :func:`log_odds_fall`.
        label : (image,) integer array
            Class of each image.
        n_classes : int
            Number of classes.
        """
        of_class = (label[:, None] == np.arange(n_classes)).astype(np.float64)
        return cls(np.bincount(label, minlength=n_classes), fall @ of_class, fall**2 @ of_class)

    def __add__(self, other: "Falls") -> "Falls":
        return Falls(self.count + other.count, self.total + other.total, self.square + other.square)


@dataclass(frozen=True, eq=False)
class Effect:
    """What silencing units costs on one set of images, with the evidence; arrays of one shape.

    Parameters
    ----------
    mean : array
        Mean fall of the right class's log-odds, in nats; NaN where there is no image.
    error : array
        Its standard error; NaN where there are fewer than two images.
    helps, idle : arrays
        P-values of "the fall is above the margin" and of "it is below"; 1 where there is no image.
    """

    mean: Floats
    error: Floats
    helps: Floats
    idle: Floats


def class_effects(falls: Falls, *, margin: float = MARGIN) -> Effect:
    """Return the effect of every unit on every class, (unit, class).

    Parameters
    ----------
    falls : Falls
        Of one set of images.
    margin : float
        What the mean fall is held against, in nats.
    """
    count = np.where(falls.count > 0, falls.count, np.nan)
    above, square = _above(falls, margin)
    return Effect(
        mean=falls.total / count,
        error=np.sqrt(_variance_of_mean(falls)),
        helps=sign_flip_bound(above, square),
        idle=sign_flip_bound(-above, square),
    )


def unit_effects(falls: Falls, *, taking: NDArray[np.bool_], margin: float = MARGIN) -> Effect:
    """Return the effect of every unit on all classes alike, (unit,): the unweighted mean over classes.

    Parameters
    ----------
    falls : Falls
        Of one set of images.
    taking : (class,) array of bool
        The classes that take part: those that have images in every set that is to be compared.
    margin : float
        What the mean fall is held against, in nats.
    """
    n_classes = max(1, int(taking.sum()))
    weight = np.where(taking, 1 / (n_classes * np.maximum(falls.count, 1)), 0)
    above, square = _above(falls, margin)
    z_above, z_square = above @ weight, square @ weight**2
    return Effect(
        mean=falls.total @ weight if taking.any() else np.full(len(falls.total), np.nan),
        error=np.sqrt(_variance_of_mean(falls)[:, taking].sum(axis=1)) / n_classes,
        helps=sign_flip_bound(z_above, z_square),
        idle=sign_flip_bound(-z_above, z_square),
    )


def _above(falls: Falls, margin: float) -> tuple[Floats, Floats]:
    """Return sums of the falls above the margin, and of their squares."""
    above = falls.total - falls.count * margin
    # A difference of nearly equal sums may come out below zero.
    return above, np.maximum(falls.square - 2 * margin * falls.total + falls.count * margin**2, 0)


def _variance_of_mean(falls: Falls) -> Floats:
    count = np.where(falls.count > 1, falls.count, np.nan)
    spread = np.maximum(falls.square - falls.total**2 / count, 0)
    return np.asarray(spread / (count - 1) / count)


@dataclass(frozen=True, eq=False)
class Roles:
    """Roles of units, or of units for classes.

    Parameters
    ----------
    code : integer array
        Index into :data:`ROLES`; 0 where the images do not tell.
    q : array of that shape
        False discovery rate at which the role that fits best would just be given; NaN where one set has no image.
    """

    code: Ints
    q: Floats


def roles(training: Effect, held_out: Effect, *, level: float = LEVEL) -> Roles:
    """Sort units into four roles, or none.

    ===================  ==================  ==================
    role                 on training images  on held-out images
    ===================  ==================  ==================
    helps both           helps               helps
    helps training only  helps               nothing, or harms
    helps held-out only  nothing, or harms   helps
    helps neither        nothing, or harms   nothing, or harms
    ===================  ==================  ==================

    A role claims two things, so the larger of their p-values is its own (an intersection-union test). For each role,
    these become q-values over all cells: of the cells that are given it, about ``level`` at most are not of it.

    Parameters
    ----------
    training, held_out : Effect
        Of one shape, such as (unit,) or (unit, class).
    level : float
        Largest q-value of a role that is given.

    Returns
    -------
    Roles
        Of that shape.
    """
    here, there = (training.helps, training.idle), (held_out.helps, held_out.idle)
    absent = np.isnan(training.mean) | np.isnan(held_out.mean)
    claims = np.stack([np.where(absent, np.nan, np.maximum(a, b)) for a in here for b in there])
    q = np.stack([false_discovery(claim) for claim in claims])
    # At most one role has a p-value below 1: no mean is above the margin and below it.
    fits = claims.argmin(axis=0)
    best = np.take_along_axis(q, fits[None], axis=0)[0]
    return Roles(np.where(best <= level, fits + 1, 0), best)
