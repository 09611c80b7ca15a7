"""Are units of pure noise called alike beyond chance, also where classes are few and very unequal?

usage: python -m tests.simulations.alike_by_chance [--layers 40] [--classes 3,5,10,16,100] [--seed 0]

Layers of 48 units. Activations know nothing of the classes: normal, or zero on all but one image in twenty. Of changed
answers a coin decides whether they are lost or gained; units differ tenfold in how many they change, and classes are
changed alike, or some several times as often as others; or four of five changed answers are lost, in all units.
Classes have 50 images each, or 5 to 1,300, or all 10 but one of 2,000, or all
300 but one of 3. Prints how many of the first six units of each layer have another unit beyond their ceiling, and how
many had one if only the shuffles over the classes set it. Then two units cost the same three classes 25 points each
(other units do nothing, or cost classes of their own): how often is the one alike to the other beyond chance? Ends with
status 1 where clearly more than 5 % of units of noise have another beyond chance (binomial, p < 0.001).

With two classes no unit is compared: a correlation over two numbers is 1 or -1.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import binom

from precompute.measures.paired import PairedCounts
from precompute.measures.profiles import profile_likeness
from precompute.measures.profiles_by_chance import drops_by_chance, means_by_chance

UNITS, ASKED = 48, 6
SIZES: dict[str, Callable[[int], np.ndarray]] = {
    "50 each": lambda n: np.full(n, 50),
    "5 to 1,300": lambda n: np.geomspace(5, 1300, n).astype(int),
    "one of 2,000": lambda n: np.r_[2000, np.full(n - 1, 10)],
    "one of 3": lambda n: np.r_[3, np.full(n - 1, 300)],
}
NOISE = ("normal", "one in twenty", "changed alike", "changed unlike", "mostly lost")
_MOST_IMAGES = 40_000


def drops(rng: np.random.Generator, count: np.ndarray, kind: str = "changed alike", costs: np.ndarray | None = None):
    """Images lost and gained by chance, and beside that what units cost."""
    often = np.ones(len(count)) if kind == "changed alike" else np.exp(rng.normal(0, 1, len(count)))
    rate = 0.02 * often * rng.uniform(0.3, 3, UNITS)[:, None]
    changed = rng.binomial(count, np.minimum(rate, 0.5))
    lost = rng.binomial(changed, 0.8 if kind == "mostly lost" else 0.5)
    more = np.zeros_like(changed) if costs is None else rng.binomial(count - changed, costs)
    return PairedCounts(lost + more, changed - lost, count)


def called(rng: np.random.Generator, kind: str, count: np.ndarray) -> np.ndarray:
    """Which of the first units have another beyond chance, (unit, 2): as the page says, and by shuffles alone."""
    if kind in NOISE[2:]:
        counts = drops(rng, count, kind)
        profiles = counts.drop
        chance = [drops_by_chance(counts, unit) for unit in range(ASKED)]
    else:
        label = np.repeat(np.arange(len(count)), count)
        shape = UNITS, len(label)
        some = 1.0 if kind == "normal" else rng.random(shape) < 0.05
        values = some * (rng.normal(size=shape) if kind == "normal" else rng.exponential(size=shape))
        profiles = np.add.reduceat(values, np.cumsum(count) - count, axis=1) / count
        chance = [means_by_chance(values[unit], label, len(count)) for unit in range(ASKED)]
    return np.array(
        [
            [profile_likeness(profiles, unit, by_chance=each).beyond.any() for each in (chance[unit], None)]
            for unit in range(ASKED)
        ]
    )


def found(rng: np.random.Generator, count: np.ndarray, *, alone: bool) -> bool:
    """Whether a unit is alike beyond chance to the one that costs the same three classes."""
    costs = np.zeros((UNITS, len(count)))
    for unit in range(2 if alone else UNITS):
        costs[unit, rng.choice(len(count), 3, replace=False)] = 0.25
    costs[1] = costs[0]
    counts = drops(rng, count, costs=costs)
    return bool(profile_likeness(counts.drop, 0, by_chance=drops_by_chance(counts, 0)).beyond[1])


def wrong(n_called: int, n_units: int) -> bool:
    """Whether clearly more than 5 % are called."""
    return bool(binom.sf(n_called - 1, n_units, 0.05) < 0.001)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=40)
    parser.add_argument("--classes", default="3,5,10,16,100")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(words)
    rng, bad, total = np.random.default_rng(asked.seed), [], np.zeros(3, dtype=int)
    for n_classes in map(int, asked.classes.split(",")):
        for name, size in SIZES.items():
            count = size(n_classes)
            for kind in NOISE if count.sum() <= _MOST_IMAGES else NOISE[2:]:
                each = np.concatenate([called(rng, kind, count) for _ in range(asked.layers)])
                now, shuffles = each.sum(axis=0)
                total += now, shuffles, len(each)
                what = f"{n_classes:4} classes, {name:12} {kind:14}"
                print(
                    f"{what} beyond chance {now / len(each):5.1%}, by shuffles alone {shuffles / len(each):5.1%}",
                    flush=True,
                )
                bad += [what] if wrong(now, len(each)) else []
            for alone in (True, False) if n_classes > 3 else ():
                share = np.mean([found(rng, count, alone=alone) for _ in range(asked.layers)])
                others = "others do nothing" if alone else "others cost classes of their own"
                print(
                    f"{n_classes:4} classes, {name:12} the same three classes, {others}: found {share:.0%}", flush=True
                )
    now, shuffles, n_units = total
    print(f"of {n_units:,} units of noise {now / n_units:.1%} are called, {shuffles / n_units:.1%} by shuffles alone")
    print("WRONG: " + "; ".join(bad) if bad else "noise is alike as often as said")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
