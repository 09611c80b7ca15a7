"""Is the class that a unit is said to answer most to the true one, also for units that few images drive?

usage: python -m tests.simulations.answers_most [--units 60] [--classes 10,100] [--images 5,20,50,200] [--seed 1]
       [--unequal]

Class means are alike (1, deviation 0.2), or one of them is 1.8 times as high, or all are equal. Activations are normal
above zero, exponential, zero but for one image in ten or in fifty, or normal with three times the spread in one class.
With --unequal classes have from a fifth of the images to five times as many, those with the larger spread the fewest.
Prints how many units have one class named, how
many of these rightly, how many have up to three named, and how many of these with the true one among them. Ends with
status 1 where clearly fewer than 95 % of the classes named alone are right, over the layers that have a true one, or
where clearly more than 2 % of units with equal means have one or some named (binomial, p < 0.001; 5 % with --unequal,
where a class of few images may have the larger spread).
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from precompute.measures.preferred import preferred_classes

SHARES = {"normal": 0.0, "one class wider": 0.0, "exponential": 1.0, "one in ten": 0.1, "one in fifty": 0.02}
MEANS = ("alike", "one higher", "equal")


def draw(rng, kind, means, n_images, *, unequal=False):
    """Activations of one unit, and their labels."""
    n_classes = len(means)
    size = np.geomspace(n_images / 5, n_images * 5, n_classes).astype(int) if unequal else np.full(n_classes, n_images)
    label = np.repeat(np.arange(n_classes), np.maximum(size, 2))
    mean = means[label]
    share = SHARES[kind]
    if not share:
        wide = 3 if kind == "one class wider" else 1
        # Cut at zero a wider class has a higher mean too, so what is below zero counts here.
        values = rng.normal(mean, np.where(label == 0, 0.5 * wide, 0.5))
        return (values if wide > 1 else np.maximum(values, 0)), label
    return np.where(rng.random(len(label)) < share, rng.exponential(mean / share), 0), label


def simulate(*, n_classes, n_images, kind, means, n_units, seed=1, unequal=False) -> np.ndarray:
    """Units with one class named, these rightly, with up to three named, the true one among them."""
    rng, found = np.random.default_rng(seed), np.zeros(4, dtype=int)
    for unit in range(n_units):
        truth = np.maximum(rng.normal(1, 0 if means == "equal" else 0.2, n_classes), 0.05)
        truth[rng.integers(n_classes)] *= 1.8 if means == "one higher" else 1
        best = -1 if means == "equal" else int(truth.argmax())
        named = preferred_classes(*draw(rng, kind, truth, n_images, unequal=unequal), n_classes, seed=unit)
        found += [len(named) == 1, named == (best,), len(named) > 0, best in named]
    return found


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=60)
    parser.add_argument("--classes", default="10,100")
    parser.add_argument("--images", default="5,20,50,200")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--unequal", action="store_true")
    asked = parser.parse_args(words)
    sizes = [(int(c), int(n)) for c in asked.classes.split(",") for n in asked.images.split(",")]
    total, by_chance, n_idle = np.zeros(4, dtype=int), 0, 0
    for n_classes, n_images in sizes:
        for kind in SHARES:
            for means in MEANS:
                many = {"n_units": asked.units, "seed": asked.seed, "unequal": asked.unequal}
                found = simulate(n_classes=n_classes, n_images=n_images, kind=kind, means=means, **many)
                alone, right, some, among = found
                what = f"{n_images:4} x {n_classes:4} {kind:15} {means:11}"
                print(f"{what} one {alone}, right {right}; some {some}, among {among}", flush=True)
                total, by_chance = (total, by_chance + some) if means == "equal" else (total + found, by_chance)
                n_idle += asked.units * (means == "equal")
    alone, right, some, among = total
    print(f"one class named {alone}, right {right}; up to three {some}, with the true one {among}", end="; ")
    print(f"with equal means some named in {by_chance} of {n_idle}")
    bad = (
        binom.cdf(right, alone, 0.95) < 0.001
        or binom.sf(by_chance - 1, n_idle, 0.05 if asked.unequal else 0.02) < 0.001
    )
    print("WRONG" if bad else "the class that is named is the true one")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
