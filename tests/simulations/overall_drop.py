"""Does the interval of the overall drop hold for a unit that was picked for its drop?

usage: python -m tests.simulations.overall_drop [--layers 200] [--units 48] [--images 100,800,5000,50000] [--seed 0]

Every unit of a layer costs all images together some points: all the same, a tenth of the units 1 to 4, gains as well as
losses, or with a long tail; beside that it loses and gains 0.5 or 3 % of the images. Of the units called at q <= 0.05,
and of the units of the largest and of the smallest drop of each layer, prints the bias of the drop as it stands (which
no page quotes), how many intervals hold (those of a layer at once), and how many of the usual intervals of one unit
would. Ends with status 1 where clearly fewer than 95 % of the intervals of picked units hold (binomial, p < 0.001).

The calls asked about: `overall_interval`, `mcnemar` and `discrete_false_discovery`, as `evidence` calls them.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import binom

from precompute.measures.drop_evidence import overall_interval
from precompute.measures.false_discovery import discrete_false_discovery
from precompute.measures.paired import mcnemar, mcnemar_attainable

Draw = Callable[[np.random.Generator, int], np.ndarray]
COSTS: dict[str, Draw] = {
    "nothing": lambda rng, n: np.zeros(n),
    "half a point each": lambda rng, n: np.full(n, 0.005),
    "two points each": lambda rng, n: np.full(n, 0.02),
    "a tenth of them": lambda rng, n: np.where(rng.random(n) < 0.1, rng.uniform(0.01, 0.04, n), 0),
    "either sign": lambda rng, n: rng.normal(0, 0.01, n).clip(-0.05, 0.05),
    "a long tail": lambda rng, n: np.minimum(rng.exponential(0.01, n), 0.3),
}
RATES = (0.005, 0.03)
PICKED = ("called", "largest", "smallest")


def one_layer(rng: np.random.Generator, n_images: int, n_units: int, draw: Draw, rate: float):
    """Images lost and gained, and what is truly lost, (unit,) each."""
    truth = draw(rng, n_units)
    shares = np.stack([rate + np.maximum(truth, 0), rate + np.maximum(-truth, 0)])
    drawn = np.stack([rng.multinomial(n_images, [*each, 1 - each.sum()]) for each in shares.T])
    return drawn[:, 0], drawn[:, 1], truth


def simulate(*, n_images, n_units, cost, rate, layers, seed=0) -> dict[str, np.ndarray]:
    """Of the units of each kind: observed less true drop, whether the interval holds, whether the usual one does."""
    rng, rows = np.random.default_rng(seed), {name: [np.empty((0, 3))] for name in PICKED}
    for _ in range(layers):
        lost, gained, truth = one_layer(rng, n_images, n_units, COSTS[cost], rate)
        drop, held = (lost - gained) / n_images, []
        for n in (n_units, 1):
            low, high = overall_interval(lost, gained, n_images, n)
            held.append((low <= truth) & (truth <= high))
        q = discrete_false_discovery(mcnemar(lost, gained), [mcnemar_attainable(n) for n in (lost + gained).tolist()])
        entry = np.stack([drop - truth, *held], axis=1)
        for name, units in zip(PICKED, (q <= 0.05, [drop.argmax()], [drop.argmin()]), strict=True):
            rows[name].append(entry[units])
    return {name: np.concatenate(parts) for name, parts in rows.items()}


def wrong(entry: np.ndarray, layers: int) -> bool:
    """Whether clearly fewer than 95 % hold; units of a layer are not independent, so layers are counted."""
    share = entry[:, 1].mean() if len(entry) else 1.0
    n = min(layers, len(entry))
    return bool(binom.cdf(round(share * n), n, 0.95) < 0.001)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("layers", 200), ("units", 48), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--images", default="100,800,5000,50000")
    asked, bad = parser.parse_args(words), []
    for n_images in map(int, asked.images.split(",")):
        for cost in COSTS:
            for rate in RATES:
                sizes = {"n_images": n_images, "n_units": asked.units, "layers": asked.layers, "seed": asked.seed}
                rows = simulate(cost=cost, rate=rate, **sizes)
                what, said = f"{n_images:6} images, {cost:17} {100 * rate:3g} % changed", []
                for name, entry in rows.items():
                    bias, now, usual = entry.mean(axis=0) if len(entry) else (0, 1, 1)
                    said.append(f"{name} {len(entry)}: {100 * bias:+.1f} pt, {now:.0%} hold (usual {usual:.0%})")
                    bad += [f"{what}, {name}"] if wrong(entry, asked.layers) else []
                print(f"{what}: {'; '.join(said)}", flush=True)
    print("WRONG: " + "; ".join(bad) if bad else "the intervals of picked units hold")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
