"""Four roles of units, by whether they help on training images and on held-out images: our own definition.

The paper that speaks of four categories "according to their performance on training and testing data" (Zhao and Zhang
2021, arXiv:2103.09716) gives no definition that we could find. Ours asks, for each set of images, whether silencing the
unit lowers the log-odds of the right class by more than a margin. It gives a role only where the images settle both
answers.

It uses log-odds because a network is nearly certain of images that it has learnt. There the log-probability hardly
changes, so a unit that matters equally to both sets would seem to matter to held-out images only.
"""

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from precompute.measures.false_discovery import false_discovery
from precompute.measures.log_prob_tests import sign_flip_bound
from precompute.measures.skewed import skewed_interval

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]

ROLES = ("undetermined", "helps both", "helps training only", "helps held-out only", "helps neither")
"""Names of the codes that :func:`roles` returns."""

MARGIN = 0.05
"""In nats: a unit helps if silencing it lowers the log-odds by more than this, about 5 % of the right class's odds."""

CERTAIN = 1e-4
"""Probabilities are kept at least this far from 0 and 1, because half precision cannot hold smaller changes."""

LEVEL = 0.05
"""Largest q-value at which a role is given."""

_SYMMETRIC = 1e-3  # skewness below which a distribution is as good as symmetric


def log_odds_loss(log_prob: Floats, change: Floats) -> Floats:
    """Return how far the log-odds of the right class fall without each unit.

    Parameters
    ----------
    log_prob : (image,) array
        Log-probability of the right class with nothing ablated, in nats.
    change : (unit, image) array
        Log-probability without the unit, minus with it.

    Returns
    -------
    (unit, image) float64 array
        log(p / (1 - p)) with the unit, minus without it, with p kept between :data:`CERTAIN` and 1 - :data:`CERTAIN`.
        Positive where the unit helps.
    """
    before = log_prob.astype(np.float64)
    return _log_odds(before) - _log_odds(before + change)


def _log_odds(log_prob: Floats) -> Floats:
    wrong = np.clip(-np.expm1(np.minimum(log_prob, 0)), CERTAIN, 1 - CERTAIN)
    return np.asarray(np.log1p(-wrong) - np.log(wrong))


@dataclass(frozen=True, eq=False)
class LogOddsLosses:
    """Sums over images of how far the log-odds of the right class fall without each unit.

    Sums of several shards of images can be added, and all results follow from the sums.

    Parameters
    ----------
    count : (class,) integer array
        Images of each class.
    total, square, cube : (unit, class) arrays
        Sum of the falls in nats, of their squares and of their cubes, over the images of the class. Positive where the
        unit helps.
    """

    count: Ints
    total: Floats
    square: Floats
    cube: Floats

    @classmethod
    def of(cls, fall: Floats, label: Ints, n_classes: int) -> Self:
        """Sum over some images.

        Parameters
        ----------
        fall : (unit, image) array
            From :func:`log_odds_loss`.
        label : (image,) integer array
            Class of each image.
        n_classes : int
            Number of classes.
        """
        of_class = (label[:, None] == np.arange(n_classes)).astype(np.float64)
        powers = (fall**power @ of_class for power in (1, 2, 3))
        return cls(np.bincount(label, minlength=n_classes), *powers)

    def __add__(self, other: "LogOddsLosses") -> "LogOddsLosses":
        return LogOddsLosses(
            self.count + other.count, self.total + other.total, self.square + other.square, self.cube + other.cube
        )


@dataclass(frozen=True, eq=False)
class LogOddsEffect:
    """The mean fall of log-odds on one set of images, with its tests; arrays of one shape.

    Parameters
    ----------
    mean : array
        Mean fall of the right class's log-odds, in nats; NaN where there is no image.
    error : array
        Standard error of the mean; NaN where there are fewer than two images.
    helps, idle : arrays
        One-sided p-values: small `helps` is evidence that the fall is above the margin, small `idle` that it is below.
        1 where there is no image.
    losses : LogOddsLosses
        The sums that the arrays are computed from.
    taking : (class,) array of bool or None
        The classes that the mean is over; None where there is one effect for each class.
    """

    mean: Floats
    error: Floats
    helps: Floats
    idle: Floats
    losses: LogOddsLosses
    taking: NDArray[np.bool_] | None = None


def log_odds_effects_by_class(losses: LogOddsLosses, *, margin: float = MARGIN) -> LogOddsEffect:
    """Return the effect of every unit on every class, (unit, class).

    Parameters
    ----------
    losses : LogOddsLosses
        Of one set of images.
    margin : float
        What the mean fall is held against, in nats.
    """
    count = np.where(losses.count > 0, losses.count, np.nan)
    above, square = _above(losses, margin)
    return LogOddsEffect(
        mean=losses.total / count,
        error=np.sqrt(_variance_of_mean(losses)),
        helps=sign_flip_bound(above, square),
        idle=sign_flip_bound(-above, square),
        losses=losses,
    )


def log_odds_effects_by_unit(
    losses: LogOddsLosses, *, taking: NDArray[np.bool_], margin: float = MARGIN
) -> LogOddsEffect:
    """Return the effect of every unit on all classes alike, (unit,): the unweighted mean over classes.

    Parameters
    ----------
    losses : LogOddsLosses
        Of one set of images.
    taking : (class,) array of bool
        The classes that take part: those with images in every set that is compared.
    margin : float
        What the mean fall is held against, in nats.
    """
    n_classes = max(1, int(taking.sum()))
    weight = np.where(taking, 1 / (n_classes * np.maximum(losses.count, 1)), 0)
    above, square = _above(losses, margin)
    z_above, z_square = above @ weight, square @ weight**2
    return LogOddsEffect(
        mean=losses.total @ weight if taking.any() else np.full(len(losses.total), np.nan),
        error=np.sqrt(_variance_of_mean(losses)[:, taking].sum(axis=1)) / n_classes,
        helps=sign_flip_bound(z_above, z_square),
        idle=sign_flip_bound(-z_above, z_square),
        losses=losses,
        taking=taking,
    )


def effect_interval(effect: LogOddsEffect) -> tuple[Floats, Floats]:
    """Return the limits of the 95 % interval of each mean, see :func:`precompute.measures.skewed.skewed_interval`.

    The interval cannot cover effects so rare that hardly any image of the set shows them.

    Parameters
    ----------
    effect : LogOddsEffect
        Of classes or of units.

    Returns
    -------
    low, high : arrays of the shape of its means
        NaN where there are fewer than two images.
    """
    losses, taking = effect.losses, effect.taking
    n = np.where(losses.count > 1, losses.count, np.nan)
    mean = losses.total / n
    third = (losses.cube / n - 3 * mean * losses.square / n + 2 * mean**3) / n**2
    if taking is not None:
        third = third[:, taking].sum(axis=1) / max(1, int(taking.sum())) ** 3
    skewness = third / np.where(effect.error > 0, effect.error, np.inf) ** 3
    return skewed_interval(effect.mean, effect.error, skewness)


def _above(losses: LogOddsLosses, margin: float) -> tuple[Floats, Floats]:
    """Return sums of the falls above the margin, and of their squares."""
    above = losses.total - losses.count * margin
    # A difference of nearly equal sums may come out below zero.
    return above, np.maximum(losses.square - 2 * margin * losses.total + losses.count * margin**2, 0)


def _variance_of_mean(losses: LogOddsLosses) -> Floats:
    count = np.where(losses.count > 1, losses.count, np.nan)
    spread = np.maximum(losses.square - losses.total**2 / count, 0)
    return np.asarray(spread / (count - 1) / count)


@dataclass(frozen=True, eq=False)
class Roles:
    """Roles of units, or of units for classes.

    Parameters
    ----------
    code : integer array
        Index into :data:`ROLES`; 0 where the images do not settle the role.
    q : array of that shape
        False discovery rate at which the best-fitting role would just be given; NaN where a set has no image.
    """

    code: Ints
    q: Floats


def roles(training: LogOddsEffect, held_out: LogOddsEffect, *, level: float = LEVEL) -> Roles:
    """Sort units into four roles, or none.

    ===================  ==================  ==================
    role                 on training images  on held-out images
    ===================  ==================  ==================
    helps both           helps               helps
    helps training only  helps               nothing, or harms
    helps held-out only  nothing, or harms   helps
    helps neither        nothing, or harms   nothing, or harms
    ===================  ==================  ==================

    A role makes two claims, so its p-value is the larger of theirs (an intersection-union test). A role on one set only
    makes a third claim: that the sets differ, see :func:`differences`. Without it, a small set that happens to miss the
    few images on which a unit acts would show with great certainty that the unit does nothing. For each role, the
    p-values become q-values over all cells: of the cells that are given the role, an expected share of at most about
    ``level`` do not have it.

    Parameters
    ----------
    training, held_out : LogOddsEffect
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
    more_in_training, more_held_out = differences(training, held_out)
    also = (np.zeros_like(held_out.helps), more_in_training, more_held_out, np.zeros_like(held_out.helps))
    pairs = [np.maximum(a, b) for a in here for b in there]
    claims = np.stack([np.where(absent, np.nan, np.maximum(p, third)) for p, third in zip(pairs, also, strict=True)])
    q = np.stack([false_discovery(claim) for claim in claims])
    # At most one role has a p-value below 1, since a mean cannot be both above and below the margin.
    fits = claims.argmin(axis=0)
    best = np.take_along_axis(q, fits[None], axis=0)[0]
    return Roles(np.where(best <= level, fits + 1, 0), best)


def differences(training: LogOddsEffect, held_out: LogOddsEffect) -> tuple[Floats, Floats]:
    r"""Test whether a unit matters more to one set of images than to the other.

    If the unit mattered equally to both sets, any other division of the images between them would have been as likely.
    Over all divisions of the images of a class, the variance and the skewness of the difference of means follow from
    the falls of both sets together. The tails are taken from a Pearson type III (shifted gamma) distribution with this
    variance and skewness, by the approximation of Wilson and Hilferty. It bounds the tail on the side where a few
    images with large falls may have been missed: a difference that may be due to such images counts as chance, however
    small its standard error.

    Parameters
    ----------
    training, held_out : LogOddsEffect
        Of one shape, and of the same classes.

    Returns
    -------
    more_in_training, more_held_out : arrays of that shape
        P-values in [0, 1] of a mean fall that is larger on training images, and on held-out ones; 1 where a class has
        no image in one of the sets, and where all falls are equal.

    References
    ----------
    Mielke and Berry 2007, "Permutation methods", for Pearson type III approximations. Wilson and Hilferty 1931,
    Proceedings of the National Academy of Sciences 17, 684-688.
    """
    one, other = training.losses, held_out.losses
    n_one, n_other = (np.where(losses.count > 0, losses.count, np.nan) for losses in (one, other))
    n = n_one + n_other
    both = one + other
    mean = both.total / n
    second = np.maximum(both.square / n - mean**2, 0)
    third = both.cube / n - 3 * mean * both.square / n + 2 * mean**3
    # Moments of the mean of held-out images drawn from all without replacement, scaled to the difference of both means.
    scale = n / n_one
    gap = other.total / n_other - one.total / n_one
    variance = scale**2 * second / n_other * n_one / np.maximum(n - 1, 1)
    skewed = scale**3 * third * n_one * (n - 2 * n_other) / (n_other**2 * np.maximum((n - 1) * (n - 2), 1))
    if training.taking is not None:
        n_classes = max(1, int(training.taking.sum()))
        taken = [values[:, training.taking].sum(axis=1) for values in (gap, variance, skewed)]
        gap, variance, skewed = (value / n_classes**power for value, power in zip(taken, (1, 2, 3), strict=True))
    defined = np.asarray(variance > 0)
    spread = np.sqrt(np.where(defined, variance, 1))
    z = _normal_score(gap / spread, skewed / spread**3)
    upper = np.array([math.erfc(value / math.sqrt(2)) / 2 for value in z.ravel()]).reshape(z.shape)
    return np.where(defined, 1 - upper, 1.0), np.where(defined, upper, 1.0)


def _normal_score(x: Floats, skewness: Floats) -> Floats:
    """Return the normal deviate of a deviate of a Pearson type III distribution, by Wilson and Hilferty."""
    skewness = np.where(np.abs(skewness) < _SYMMETRIC, np.copysign(_SYMMETRIC, skewness), skewness)
    root = np.cbrt(np.maximum(1 + skewness * x / 2, 0))
    return np.nan_to_num(6 / skewness * (root - 1) + skewness / 6)
