"""Is a measure told to go with drops where coins decide every changed answer, with flip rate and activity held fixed?

usage: python -m tests.simulations.careful_correlations [--layers 60] [--units 48,256] [--seed 0]

The measure says how far the answers that a unit changes are of one class. A coin decides of each whether it is lost or
gained, so no unit matters to any class. For each drop, prints in how many layers the correlation with flip rate and
activity held fixed, and that on different images, is told from chance: as the page says it, and by the bootstrap
interval alone. Ends with status 1 where the page tells clearly more than 5 % of layers from chance (binomial,
p < 0.001).
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from precompute.measures.bootstrap import Correlations, correlate, correlate_across
from precompute.measures.drop_targets import (
    TARGETS,
    HalvedCounts,
    chance_correlations,
    chance_correlations_across,
    drop_targets,
    targets_on_other,
)
from precompute.measures.paired import PairedCounts

WAYS = ("same flip rate and activity", "different images")
_CLASSES, _IMAGES, _TOSSES, _RESAMPLES = 16, 50, 200, 400


def one_layer(rng: np.random.Generator, n_units: int) -> tuple[np.ndarray, HalvedCounts]:
    """How far each unit's changes are of one class, (unit,), and the images lost and gained on two halves."""
    apart = rng.gamma(1, 1, n_units)
    often = np.ones((n_units, _CLASSES))
    often[np.arange(n_units), rng.integers(0, _CLASSES, n_units)] += 8 * apart
    n_changed = rng.poisson(0.01 * _IMAGES * _CLASSES * np.exp(rng.normal(0, 0.7, n_units)))
    changed = np.stack([rng.multinomial(n, p / p.sum()) for n, p in zip(n_changed, often, strict=True)])
    changed = np.minimum(changed, _IMAGES)
    lost = rng.binomial(changed, 0.5)
    first, gained = rng.binomial(lost, 0.5), changed - lost
    also, half = rng.binomial(gained, 0.5), np.full(_CLASSES, _IMAGES // 2)
    parts = PairedCounts(first, also, half), PairedCounts(lost - first, gained - also, half)
    return apart, HalvedCounts(*parts, np.ones(_CLASSES, dtype=bool))


def told(found: Correlations, drawn: np.ndarray) -> tuple[bool, bool]:
    """Whether the page tells a correlation from chance, and whether its interval leaves out zero."""
    away, middle = (found.low > 0) | (found.high < 0), drawn.mean()
    p = (1 + (np.abs(drawn - middle) >= np.abs(found.r - middle) - 1e-12).sum()) / (1 + len(drawn))
    return bool(away[0] and p <= 0.05), bool(away[0])


def simulate(*, n_units: int, layers: int, seed: int = 0) -> np.ndarray:
    """Number of layers, (way, target, 2)."""
    rng, count = np.random.default_rng(seed), np.zeros((len(WAYS), len(TARGETS), 2), dtype=int)
    for _ in range(layers):
        apart, counts = one_layer(rng, n_units)
        measure = (apart + 0.1 * rng.normal(size=(2, n_units)))[:, None]
        controls = np.stack([(counts.both.lost + counts.both.gained).sum(axis=1), rng.random(n_units)])
        drops = drop_targets(counts, counts.expected())
        on_halves = np.stack([targets_on_other(counts.swapped()), targets_on_other(counts)])
        coins = (
            chance_correlations(measure[0], counts, controls, draws=_TOSSES),
            chance_correlations_across(measure, counts, draws=_TOSSES),
        )
        for column, drop in enumerate(drops):
            found = (
                correlate(measure[0], drop, controls, draws=_RESAMPLES),
                correlate_across(measure, on_halves[:, column], draws=_RESAMPLES),
            )
            for way, (each, drawn) in enumerate(zip(found, coins, strict=True)):
                count[way, column] += told(each, drawn[:, 0, column])
    return count


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=60)
    parser.add_argument("--units", default="48,256")
    parser.add_argument("--seed", type=int, default=0)
    asked, bad = parser.parse_args(words), []
    for n_units in map(int, asked.units.split(",")):
        count = simulate(n_units=n_units, layers=asked.layers, seed=asked.seed)
        for way, of_targets in zip(WAYS, count, strict=True):
            for target, (now, by_interval) in zip(TARGETS, of_targets.tolist(), strict=True):
                what = f"{n_units:4} units, {way:28} {target:24}"
                print(
                    f"{what} told from chance {now / asked.layers:4.0%}, by the interval alone "
                    f"{by_interval / asked.layers:4.0%}",
                    flush=True,
                )
                bad += [what] if binom.sf(now - 1, asked.layers, 0.05) < 0.001 else []
    print("WRONG: " + "; ".join(bad) if bad else "told from chance as seldom as said")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
