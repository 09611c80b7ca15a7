"""Is a true drop found as often as the page says, at the level that colours a dot: q <= 0.05 over the units of a
layer?

usage: python -m tests.simulations.power_of_called [--classes 1000] [--images 50] [--units 64] [--draws 100] [--drop 8]

One unit costs one class --drop points, the others of the layer flip at random, few to many. Prints what the page
computes for that layer (`found_share`), and the share of draws with p <= 0.05 (the unit alone) and with q <= 0.05.
Ends with status 1 where the share by q is below half of what the page says, or more than 0.25 beside it.

The calls asked about: q is that of `discrete_false_discovery` of the p-values and of what each could be
(`MaxDropTest.attainable`; earlier: `false_discovery` of the p-values), and what is claimed is computed for the layer at
hand by `found_share` (earlier: a fixed share).
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from precompute.measures.false_discovery import discrete_false_discovery
from precompute.measures.maxdrop import max_drop_test
from precompute.measures.paired import PairedCounts
from precompute.measures.power import found_share

RATES = (0.0025, 0.005, 0.01)
CALLED = 0.05


def simulate(*, n_images, n_classes, n_units, drop, rate, draws, seed=2) -> tuple[float, float, float]:
    """What is said, and the shares found by p and by q."""
    rng, count = np.random.default_rng(seed), np.full(n_classes, n_images)
    others = PairedCounts(*(rng.binomial(n_images, rate, (n_units - 1, n_classes)) for _ in (0, 1)), count)
    test = max_drop_test(others)
    said = found_share(others, test, np.ones(n_classes, dtype=bool), np.array([drop]), level=CALLED)[0]
    by_p = by_q = 0
    for _ in range(draws):
        lost, gained = (rng.binomial(n_images, rate, (1, n_classes)) for _ in (0, 1))
        lost[0, 0] += rng.binomial(n_images, drop)
        one = max_drop_test(PairedCounts(lost, gained, count))
        by_p += one.p[0] <= CALLED
        by_q += discrete_false_discovery(np.r_[one.p, test.p], (*one.attainable, *test.attainable))[0] <= CALLED
    return float(said), by_p / draws, by_q / draws


def wrong(said: float, found: float) -> bool:
    """Whether what is said of a layer is not what is found there."""
    return found < said / 2 or abs(found - said) > 0.25


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("classes", 1000), ("images", 50), ("units", 64), ("draws", 100)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--drop", type=float, default=8, help="points")
    asked, bad = parser.parse_args(words), False
    sizes = {"n_images": asked.images, "n_classes": asked.classes, "n_units": asked.units, "draws": asked.draws}
    for rate in RATES:
        said, by_p, by_q = simulate(drop=asked.drop / 100, rate=rate, **sizes)
        bad |= wrong(said, by_q)
        print(f"{100 * rate} % flip either way: said {said:.2f}; q <= 0.05 in {by_q:.2f}, p <= 0.05 in {by_p:.2f}")
    print("WRONG: what the page says is not what is found" if bad else "found as often as said")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
