"""Profiles of units over classes, and which of them are alike."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_ROUNDING = 1e-9
_PRIOR_UNITS = (
    4  # units without differences between classes that count in a layer's spread, for a layer may have few units
)


@dataclass(frozen=True, eq=False)
class ProfileLikeness:
    """How alike one unit's profile is to the profiles of the other units of its layer.

    Parameters
    ----------
    r : (unit,) array
        Pearson correlation of the profiles over the classes, in [-1, 1]; NaN for the unit itself and for units without
        a profile.
    ceiling : float
        The 95 % quantile (for the default level) of the largest correlation with any other unit when the unit's profile
        is shuffled over the classes, each class keeping its spread over the units, or is one that chance alone gives:
        the higher of the two. NaN where there is none.
    """

    r: Floats
    ceiling: float

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """Which units have a correlation above the ceiling, (unit,); one that equals it but for rounding is not."""
        return np.asarray(self.r > self.ceiling + _ROUNDING)


def standardised(rows: Floats) -> Floats:
    """Give rows a mean of zero and a length of one, so that their products are correlations.

    Parameters
    ----------
    rows : (row, column) array
        Numbers; a row with a NaN becomes NaN.

    Returns
    -------
    (row, column) array
        NaN for rows with a NaN, and for rows whose numbers are equal up to rounding.
    """
    centred = rows - rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1, keepdims=True)
    # A row whose numbers differ by rounding alone counts as constant.
    known = length > 1e-6 * np.abs(rows).max(axis=1, keepdims=True, initial=0)
    return np.asarray(centred / np.where(known, length, np.nan))


def profile_likeness(
    profiles: Floats,
    unit: int,
    *,
    by_chance: Floats | None = None,
    draws: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> ProfileLikeness:
    """Correlate one unit's profile over the classes with those of all other units, with a ceiling for chance.

    Some classes vary more than others, for they have few images, or images that any change of the network flips. Such
    classes alone make noise alike. So the profile is shuffled in units of the spread that the other units have on each
    class, and gets the spread of the class to which it is moved.

    Where classes are few and differ much, that does not suffice: a class of five images has another distribution than
    one of a thousand, not only another spread. So profiles of chance alone, class by class, set a second ceiling.

    Parameters
    ----------
    profiles : (unit, class) array
        Profiles such as mean activations, or drops. Classes that are NaN for every unit are left out.
    unit : int
        The unit.
    by_chance : (draw, class) array, optional
        Profiles that the unit has by chance, see :mod:`precompute.measures.profiles_by_chance`.
    draws : int
        Number of shuffles of the unit's profile over the classes.
    seed : int
        Same seed, same shuffles.
    level : float
        Share of the shuffles whose largest correlation is at or below the ceiling.

    Returns
    -------
    ProfileLikeness
        All NaN for fewer than three classes.
    """
    rows = np.asarray(profiles, dtype=np.float64)
    known = ~np.isnan(rows).all(axis=0)
    rows = rows[:, known]
    nothing = ProfileLikeness(np.full(len(rows), np.nan), float("nan"))
    if rows.shape[1] < 3:
        return nothing
    unitary = standardised(rows)
    own = unitary[unit].copy()
    unitary[unit] = np.nan
    others = unitary[~np.isnan(unitary).any(axis=1)]
    if np.isnan(own).any() or not len(others):
        return nothing
    spread = _spread(others)
    in_spreads = np.tile(_away(own[None]) / spread, (draws, 1))
    shuffled = standardised(np.random.default_rng(seed).permuted(in_spreads, axis=1) * spread)
    ceilings = [_ceiling(shuffled, others, level)]
    if by_chance is not None:
        ceilings.append(_ceiling(standardised(by_chance[:, known]), others, level))
    return ProfileLikeness(np.clip(unitary @ own, -1, 1), max(ceilings))


def _ceiling(drawn: Floats, others: Floats, level: float) -> float:
    """Return the quantile of the largest correlation of each drawn profile; a profile without differences has none."""
    largest = np.nan_to_num((drawn @ others.T).max(axis=1), nan=-1.0)
    return float(np.quantile(largest, level, method="weibull"))


def _away(unitary: Floats) -> Floats:
    """Return how far each class is from the unit's median class, which one class of large spread does not move."""
    return np.asarray(unitary - np.median(unitary, axis=1, keepdims=True))


def _spread(unitary: Floats) -> Floats:
    """Return how much the units differ on each class, (class,), above zero."""
    squares = _away(unitary) ** 2
    return np.asarray(np.sqrt((squares.sum(axis=0) + _PRIOR_UNITS * squares.mean()) / (len(squares) + _PRIOR_UNITS)))
