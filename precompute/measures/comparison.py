"""Drops and selectivity of a layer's units, gathered so that networks can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.bootstrap import Correlation, correlate
from precompute.measures.drops import Answers
from precompute.measures.maxdrop import max_drop_test, takes_part
from precompute.measures.paired import FlipTable, flip_rate, paired_counts

Floats = NDArray[np.floating[Any]]
Bools = NDArray[np.bool_]

COMPARED_DROPS = ("overall_drop", "max_drop")
"""The drops that selectivity is correlated with."""


@dataclass(frozen=True, eq=False)
class UnitEffects:
    """The effect of silencing each unit of one layer, and its selectivity, (unit,) each; NaN for dead units.

    Parameters
    ----------
    overall_drop, max_drop : array
        Accuracy lost over all images, and accuracy lost by the class that loses most, in [-1, 1].
    max_drop_expected : array
        Mean of the largest class drop by chance, given the number of changed images; see
        :func:`precompute.measures.maxdrop.max_drop_test`.
    max_drop_q : array
        Q-value of the largest class drop over the units of the layer.
    flip_rate : array
        Share of the images whose prediction changes.
    selectivity : array
        Class selectivity; NaN also where the layer has none.
    """

    overall_drop: Floats
    max_drop: Floats
    max_drop_expected: Floats
    max_drop_q: Floats
    flip_rate: Floats
    selectivity: Floats

    def called(self, level: float = 0.05) -> int:
        """Count the units whose largest class drop is more than chance at this false discovery rate."""
        return int((self.max_drop_q <= level).sum())

    def correlations(self, *, draws: int = 1000, seed: int = 0) -> dict[str, dict[str, Correlation]]:
        """Correlate selectivity with each of `COMPARED_DROPS` over the units, by ``spearman`` and ``pearson``.

        Parameters are those of :func:`precompute.measures.bootstrap.correlate`.
        """
        return {
            target: {
                way: correlate(self.selectivity[None], getattr(self, target), ranks=ranks, draws=draws, seed=seed).of(0)
                for way, ranks in (("spearman", True), ("pearson", False))
            }
            for target in COMPARED_DROPS
        }


def describe_units(flips: FlipTable, before: Answers, alive: Bools, selectivity: Floats) -> UnitEffects:
    """Describe the units of a layer from the predictions that they change.

    Parameters
    ----------
    flips : FlipTable
        The predictions that change.
    before : Answers
        The answers that they change.
    alive : (unit,) bool array
        Whether a unit is alive: not zero everywhere on every image.
    selectivity : (unit,) array
        Class selectivity of the units.

    Returns
    -------
    UnitEffects
        The largest drop and its mean by chance are over all classes with images. The test behind the q-values is over
        the classes that can show a drop, see :func:`precompute.measures.maxdrop.takes_part`, and over all units.
    """
    counts = paired_counts(flips, before)
    test = max_drop_test(counts, takes_part(before.correct, before.count))
    n_images = len(before.label)

    def living(values: Floats) -> Floats:
        return np.where(alive, values, np.nan)

    return UnitEffects(
        overall_drop=living(counts.overall_drop),
        max_drop=living(test.largest),
        max_drop_expected=living(test.expected),
        max_drop_q=living(test.q),
        flip_rate=living(flip_rate(flips, n_images)),
        selectivity=living(selectivity),
    )


def quantiles(values: Floats, shares: Sequence[float] = (0.25, 0.5, 0.75)) -> Floats:
    """Return quantiles of the values that are not NaN, (share,); NaN where there are none."""
    known = values[~np.isnan(values)]
    return np.quantile(known, shares) if known.size else np.full(len(shares), np.nan)
