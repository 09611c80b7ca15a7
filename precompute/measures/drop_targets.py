"""The drops that measures are correlated with, and the correlations that chance alone gives.

A measure that correlates with the number of flips also correlates with the largest class drop, even where every flip is
a coin toss. So compare a correlation with drops with the one that coins give.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from precompute.measures.correlation import pearson
from precompute.measures.maxdrop import max_drop_test
from precompute.measures.paired import PairedCounts
from precompute.measures.ranks import average_ranks

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

_ROUNDING = 1e-9
_EXPLAINED = 1e-10  # share of the variation that rounding leaves where controls explain all

TARGETS = ("overall_drop", "max_class_drop", "max_class_drop_held_out", "max_class_drop_excess")
"""The drops, by their names as measures, in the order of the axis `target`."""


@dataclass(frozen=True, eq=False)
class HalvedCounts:
    """Images lost and gained on each half; the halves together are all images.

    Parameters
    ----------
    one, other : PairedCounts
        The counts of the two halves.
    classes : (class,) bool array
        Whether a class can show a drop, see :func:`precompute.measures.maxdrop.takes_part`.
    """

    one: PairedCounts
    other: PairedCounts
    classes: Bools

    @property
    def both(self) -> PairedCounts:
        """The counts of all images."""
        pairs = ((getattr(self.one, name), getattr(self.other, name)) for name in ("lost", "gained", "count"))
        return PairedCounts(*(one + other for one, other in pairs))

    def expected(self) -> Floats:
        """Return the mean of the largest drop over all classes with images when every flip is a coin toss, (unit,)."""
        return max_drop_test(self.both, self.classes).expected

    def swapped(self) -> Self:
        """Return the halves the other way round."""
        return replace(self, one=self.other, other=self.one)

    def tossed(self, rng: np.random.Generator) -> Self:
        """Return counts in which a coin decides for every changed image whether it is lost or gained."""
        return replace(self, one=_tossed(self.one, rng), other=_tossed(self.other, rng))


def drop_targets(counts: HalvedCounts, expected: Floats) -> Floats:
    """Summarise the class drops of every unit in four ways.

    Parameters
    ----------
    counts : HalvedCounts
        Images lost and gained.
    expected : (unit,) array
        From :meth:`HalvedCounts.expected`; it is the same for tossed counts.

    Returns
    -------
    (target, unit) array
        In the order of `TARGETS`: the drop over all images; the largest class drop; the drop, on one half, of the class
        that loses most on the other half, mean of both ways; the largest class drop minus `expected`. NaN where there
        are no images; the third also where no class can show a drop.
    """
    held_out = (_read(counts.one, counts.other, counts.classes) + _read(counts.other, counts.one, counts.classes)) / 2
    overall, largest = _chosen_here(counts.both)
    return np.stack([overall, largest, held_out, largest - expected])


def targets_on_other(counts: HalvedCounts, expected: Floats | None = None) -> Floats:
    """Summarise the class drops on the second half; the first half only chooses the class of the held-out drop.

    Parameters
    ----------
    counts : HalvedCounts
        Images lost and gained.
    expected : (unit,) array, optional
        Mean of the largest drop of the second half by chance, where it is known; it is the same for tossed counts.

    Returns
    -------
    (target, unit) array
        In the order of `TARGETS`.
    """
    if expected is None:
        expected = max_drop_test(counts.other, counts.classes).expected
    held_out = _read(counts.one, counts.other, counts.classes)
    overall, largest = _chosen_here(counts.other)
    return np.stack([overall, largest, held_out, largest - expected])


def chance_correlations(
    measures: Floats, counts: HalvedCounts, controls: Floats | None = None, *, draws: int = 500, seed: int = 0
) -> Floats:
    """Spearman correlation of measures with drops that come from chance alone.

    A coin decides for every changed image whether it is lost or gained, so a unit keeps its number of changed images in
    every class, and nothing else of its effect.

    Parameters
    ----------
    measures : (measure, unit) array
        NaN where undefined.
    counts : HalvedCounts
        Images lost and gained.
    controls : (control, unit) array, optional
        What partial correlations hold fixed, by its ranks; NaN where a unit is left out.
    draws, seed : int
        Number of times that all coins are tossed, and the seed of the tosses.

    Returns
    -------
    (draw, measure, target) array
        In [-1, 1]; NaN where the measure or the drop does not vary, or the controls explain one of them.
    """
    rng = np.random.default_rng(seed)
    expected = counts.expected()
    drawn = np.stack([drop_targets(counts.tossed(rng), expected) for _ in range(draws)])
    held = np.empty((0, len(expected))) if controls is None else controls
    found = np.full((draws, len(measures), len(TARGETS)), np.nan)
    defined = ~np.isnan(expected) & ~np.isnan(held).any(axis=0)
    for row, measure in enumerate(measures):
        kept = defined & ~np.isnan(measure)
        if kept.any():
            ranks = (average_ranks(values[..., kept]) for values in (measure, drawn))
            found[:, row] = pearson(*(_beyond(values, average_ranks(held[:, kept])) for values in ranks))
    return found


def chance_correlations_across(measures: Floats, counts: HalvedCounts, *, draws: int = 500, seed: int = 0) -> Floats:
    """Spearman correlation of measures on one half with drops on the other half that come from chance alone.

    Parameters
    ----------
    measures : (half, measure, unit) array
        Units that lack a measure on either half (NaN) are left out of its correlation.
    counts : HalvedCounts
        Images lost and gained.
    draws, seed : int
        As for :func:`chance_correlations`.

    Returns
    -------
    (draw, measure, target) array
        Mean of both ways, in [-1, 1]; NaN where a measure or a drop does not vary.
    """
    rng = np.random.default_rng(seed)
    expected = [max_drop_test(half, counts.classes).expected for half in (counts.one, counts.other)]
    drawn = np.empty((draws, 2, len(TARGETS), measures.shape[2]))
    for draw in range(draws):
        tossed = counts.tossed(rng)
        drawn[draw] = targets_on_other(tossed.swapped(), expected[0]), targets_on_other(tossed, expected[1])
    found = np.full((draws, measures.shape[1], len(TARGETS)), np.nan)
    defined = ~np.isnan(expected).any(axis=0)
    for row in range(measures.shape[1]):
        kept = defined & ~np.isnan(measures[:, row]).any(axis=0)
        if kept.any():
            ways = (
                pearson(average_ranks(measures[h, row, kept]), average_ranks(drawn[:, 1 - h][..., kept]))
                for h in (0, 1)
            )
            found[:, row] = np.mean(list(ways), axis=0)
    return found


def _beyond(values: Floats, held: Floats) -> Floats:
    """Return what linear functions of the held rows leave of values, (..., unit); zero where they leave nothing."""
    if not len(held):
        return values
    basis, sizes, _ = np.linalg.svd((held - held.mean(axis=1, keepdims=True)).T, full_matrices=False)
    basis = basis[:, sizes > _ROUNDING * max(1.0, float(sizes.max(initial=0)))]
    away = values - values.mean(axis=-1, keepdims=True)
    left = away - (away @ basis) @ basis.T
    nothing = (left**2).sum(axis=-1, keepdims=True) <= _EXPLAINED * (away**2).sum(axis=-1, keepdims=True)
    return np.asarray(np.where(nothing, 0, left))


def _chosen_here(counts: PairedCounts) -> tuple[Floats, Floats]:
    """Return the overall drop, and the largest over all classes with images."""
    largest = np.where(counts.count > 0, counts.drop, -np.inf).max(axis=1, initial=-np.inf)
    return counts.overall_drop, np.where(np.isfinite(largest), largest, np.nan)


def _read(choose: PairedCounts, read: PairedCounts, classes: Bools) -> Floats:
    """Choose the class that loses most in `choose` and return its drop in `read`; of tied classes the mean drop."""
    taking = classes & (choose.count > 0) & (read.count > 0)
    score = np.where(taking, choose.drop, -np.inf)
    first = taking & (score == score.max(axis=1, keepdims=True, initial=-np.inf))
    n_first = first.sum(axis=1)
    return np.where(first, read.drop, 0).sum(axis=1) / np.where(n_first, n_first, np.nan)


def _tossed(counts: PairedCounts, rng: np.random.Generator) -> PairedCounts:
    changed = counts.lost + counts.gained
    somewhere = changed > 0
    lost = np.zeros_like(changed)
    lost[somewhere] = rng.binomial(changed[somewhere], 0.5)
    return replace(counts, lost=lost, gained=changed - lost)
