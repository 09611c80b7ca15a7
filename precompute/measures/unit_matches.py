"""Units of one layer matched with units of another by their activations on the same images, compared with chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.profiles import standardised

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Matches:
    """For each unit of one layer, the unit of the other that it correlates with most.

    Parameters
    ----------
    unit : (unit,) integer array
        The matched unit, the first among equals; -1 where there is none.
    r : (unit,) array
        Pearson correlation of the two over the images, in [-1, 1]; NaN for units that do not vary.
    mutual : (unit,) bool array
        Whether each of the two is the other's match.
    """

    unit: Ints
    r: Floats
    mutual: Bools


@dataclass(frozen=True, eq=False)
class MatchNull:
    """Matches when the images of one layer are shuffled, so that no unit has a true match.

    Parameters
    ----------
    expected, ceiling : (unit,) array
        Mean and largest correlation of the best match over the shuffles. With 19 shuffles, a unit that has no match
        exceeds the largest once in 20 times. NaN for units that do not vary.
    mutual : float
        Mean number of mutual matches.
    same : float
        Mean number of units whose match has their own number.
    """

    expected: Floats
    ceiling: Floats
    mutual: float
    same: float


def best_matches(one: Floats, other: Floats) -> Matches:
    """Match every unit of a layer with the unit of another layer that it correlates most with.

    Parameters
    ----------
    one, other : (unit, image) arrays
        One number per unit and image, the images the same in both and in the same order.

    Returns
    -------
    Matches

    References
    ----------
    Li et al. 2016, "Convergent learning: do different neural networks learn the same representations?"
    (arXiv:1511.07543).
    """
    return _matches(_unitary(one), _unitary(other))


def match_null(one: Floats, other: Floats, *, group: Ints | None = None, draws: int = 19, seed: int = 0) -> MatchNull:
    """Match the units again with the images of the second layer shuffled.

    Parameters
    ----------
    one, other
        As for :func:`best_matches`.
    group : (image,) integer array, optional
        Images are shuffled only within their groups. With classes as groups every unit keeps its mean on each class, so
        the matches that remain are due to classes alone.
    draws : int
        Shuffles.
    seed : int
        Same seed, same shuffles.

    Returns
    -------
    MatchNull
    """
    one, other = _unitary(one), _unitary(other)
    rng = np.random.default_rng(seed)
    largest, mutual, same = np.empty((draws, len(one))), np.empty(draws), np.empty(draws)
    for draw in range(draws):
        found = _matches(one, other[:, _random_order(other.shape[1], group, rng)])
        largest[draw], mutual[draw] = found.r, found.mutual.sum()
        same[draw] = (found.unit == np.arange(len(one))).sum()
    return MatchNull(largest.mean(axis=0), largest.max(axis=0), float(mutual.mean()), float(same.mean()))


def same_number(one: Floats, other: Floats) -> Floats:
    """Correlate units with the same number in both layers.

    Parameters
    ----------
    one, other
        As for :func:`best_matches`, with as many units.

    Returns
    -------
    (unit,) array
        In [-1, 1]; NaN where either does not vary.
    """
    return np.asarray(np.clip((_unitary(one) * _unitary(other)).sum(axis=1), -1, 1))


def _unitary(rows: Floats) -> Floats:
    """Standardise rows; single precision is enough for their products and takes half of the time."""
    return standardised(rows.astype(np.float64)).astype(np.float32)


def _matches(one: Floats, other: Floats) -> Matches:
    r = np.where(np.isnan(products := one @ other.T), -np.inf, products)
    if not r.size:
        nothing = np.full(len(one), -1)
        return Matches(nothing, np.full(len(one), np.nan), nothing >= 0)
    unit, back = r.argmax(axis=1), r.argmax(axis=0)
    largest = r[np.arange(len(one)), unit]
    known = np.isfinite(largest)
    found = np.where(known, np.clip(largest, -1, 1), np.nan)
    return Matches(np.where(known, unit, -1), found, known & (back[unit] == np.arange(len(one))))


def _random_order(n_images: int, group: Ints | None, rng: np.random.Generator) -> Ints:
    """Return a random order of the images in which each image takes the place of an image of its group."""
    if group is None:
        return rng.permutation(n_images)
    order = np.empty(n_images, dtype=np.int64)
    order[np.argsort(group, kind="stable")] = np.lexsort((rng.random(n_images), group))
    return order
