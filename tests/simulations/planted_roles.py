"""Are units that matter alike to training and to held-out images called memorising, and are those that memorise found?

usage: python -m tests.simulations.planted_roles [--layers 60] [--units 120] [--seed 7]

Both sets are drawn from one distribution, so the roles "training only" and "held-out only" are false. Ends with
status 1 where clearly more than 5 % of the layers (binomial, p < 0.001) have such a role at q <= 0.05. Then the same
effects on training images alone, 1,300 against 500: how many units are found, beside how many two claims alone would
find.

The calls asked about: `LogOddsLosses.of` (earlier: `Falls.of`); `log_odds_effects_by_class` (earlier: `class_effects`);
`roles` is as it was.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from precompute.measures.false_discovery import false_discovery
from precompute.measures.roles import LogOddsEffect, LogOddsLosses, log_odds_effects_by_class, roles

KINDS = {
    "normal, mean 0.1, deviation 0.3": None,
    "1.5 nat on 10 % of the images": (0.1, 1.5),
    "3 nat on 5 %": (0.05, 3),
    "4 nat on 3 %": (0.03, 4),
    "6 nat on 2 %": (0.02, 6),
}
"""Falls of the log-odds: the share of images with one, and how large it is."""

SIZES = ((100, 50), (250, 50), (1000, 50), (1300, 50), (1300, 500))


def draw(rng, kind, shape):
    """What each unit costs each image."""
    if KINDS[kind] is None:
        return rng.normal(0.1, 0.3, shape)
    share, size = KINDS[kind]
    return np.where(rng.random(shape) < share, rng.normal(size, size / 4, shape), rng.normal(0, 0.01, shape))


def effects(losses) -> LogOddsEffect:
    """What the units, (unit, image), cost one class."""
    return log_odds_effects_by_class(LogOddsLosses.of(losses, np.zeros(losses.shape[1], int), 1))


def false_layers(rng, kind, sizes, *, n_layers, n_units) -> int:
    """Layers with a role on one set only though the sets are of one kind."""
    found = 0
    for _ in range(n_layers):
        code = roles(*(effects(draw(rng, kind, (n_units, n))) for n in sizes)).code
        found += bool(np.isin(code, (2, 3)).any())
    return found


def planted_found(rng, kind, *, n_units) -> tuple[float, float]:
    """Share of units found that act on training images alone, 1,300 against 500; and by two claims alone."""
    training, held_out = effects(draw(rng, kind, (n_units, 1300))), effects(rng.normal(0, 0.01, (n_units, 500)))
    two = false_discovery(np.maximum(training.helps, held_out.idle)) <= 0.05
    return float((roles(training, held_out).code == 2).mean()), float(two.mean())


def wrong(n_false: int, n_layers: int) -> bool:
    """Whether clearly more than 5 % of the layers have a false role."""
    return bool(binom.sf(n_false - 1, n_layers, 0.05) < 0.001)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("layers", 60), ("units", 120), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked, bad = parser.parse_args(words), []
    rng = np.random.default_rng(asked.seed)
    for kind in KINDS:
        for sizes in SIZES:
            n_false = false_layers(rng, kind, sizes, n_layers=asked.layers, n_units=asked.units)
            what = f"{kind}, {sizes[0]} and {sizes[1]} images"
            print(f"{what:52} a false role in {n_false / asked.layers:4.0%} of the layers", flush=True)
            bad += [what] if wrong(n_false, asked.layers) else []
    for kind in KINDS:
        found, two = planted_found(rng, kind, n_units=20 * asked.units)
        print(f"{kind:32} on training images alone: {found:.0%} found, by two claims alone {two:.0%}", flush=True)
    print("WRONG: " + "; ".join(bad) if bad else "false roles stay at their level")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
