"""Does the interval of the overall drop hold for a unit that was picked for its drop?

usage: python -m tests.simulations.overall_drop [--layers 200] [--units 48] [--images 100,800,5000,50000] [--seed 0]

Every unit of a layer costs all images together some points: all the same, a tenth of the units 1 to 4, gains as well as
losses, or with a long tail; beside that it loses and gains 0.5 or 3 % of the images. Of the units called at q <= 0.05,
and of the units of the largest and of the smallest drop of each layer, prints the bias of the drop as it stands (which
no page quotes), and in how many layers all their intervals hold: those of a layer at once, and the usual ones of single
units. Ends with status 1 where those of the layer hold in clearly fewer than 95 % of layers (binomial, p < 0.001).

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


def simulate(*, n_images, n_units, cost, rate, layers, seed=0) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of picked units: the drop less its truth, and whether a layer.s intervals hold, (layer, 2), the usual second."""
    rng = np.random.default_rng(seed)
    away: dict[str, list[float]] = {name: [] for name in PICKED}
    hold: dict[str, list[list[bool]]] = {name: [] for name in PICKED}
    for _ in range(layers):
        lost, gained, truth = one_layer(rng, n_images, n_units, COSTS[cost], rate)
        drop, held = (lost - gained) / n_images, []
        for n in (n_units, 1):
            low, high = overall_interval(lost, gained, n_images, n)
            held.append((low <= truth) & (truth <= high))
        q = discrete_false_discovery(mcnemar(lost, gained), [mcnemar_attainable(n) for n in (lost + gained).tolist()])
        for name, units in zip(PICKED, (q <= 0.05, [drop.argmax()], [drop.argmin()]), strict=True):
            away[name] += (drop - truth)[units].tolist()
            hold[name].append([bool(each[units].all()) for each in held])
    return {name: (np.array(away[name]), np.array(hold[name])) for name in PICKED}


def wrong(hold: np.ndarray) -> bool:
    """Whether the intervals hold in clearly fewer than 95 % of layers."""
    return bool(binom.cdf(hold[:, 0].sum(), len(hold), 0.95) < 0.001)


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
                for name, (away, hold) in rows.items():
                    bias, (now, usual) = away.mean() if len(away) else 0, hold.mean(axis=0)
                    said.append(f"{name} {len(away)}: {100 * bias:+.1f} pt, hold {now:.0%} (usual {usual:.0%})")
                    bad += [f"{what}, {name}"] if wrong(hold) else []
                print(f"{what}: {'; '.join(said)}", flush=True)
    print("WRONG: " + "; ".join(bad) if bad else "the intervals of picked units hold")
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
