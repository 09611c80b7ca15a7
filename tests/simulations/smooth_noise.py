"""How often does a unit of smooth noise lie below all shuffles of its maps, though it knows nothing of the images?

usage: python -m tests.simulations.smooth_noise [--units 80] [--side 12] [--images 50] [--seed 0]

Maps of noise, smoothed by a Gaussian of 1/10, 1/7 or 1/5 of the side that wraps around the borders, and independent
pixels; rectified, always on, or sparse. Prints how many units have a lower feature entropy for one class than all 19
shuffles of their pixels; how many of these lie below both bands of noise too; and how many of those have holes as often
as smooth noise, which the page draws in blue. Ends with status 1 where clearly more than 5 % are blue (binomial,
p < 0.001).
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from precompute.measures.entropy import feature_entropy, rule_births
from precompute.measures.noise import NOISES, noise_level, smoothing

SHUFFLES = 19
FORMS = {"rectified": 0.0, "always on": -10.0, "sparse": 1.0}
"""What is subtracted from noise of deviation 1 before it is cut at zero."""


def draw(rng: np.random.Generator, form: str, smooth: float, shape: tuple[int, int, int]) -> np.ndarray:
    """Maps of noise, (image, side, side)."""
    values = rng.standard_normal(shape)
    if smooth:
        blur = smoothing(shape[-1], smooth * shape[-1])
        values = blur @ values @ blur.T
    return np.maximum(values / values.std() - FORMS[form], 0)


def called(form: str, smooth: float, *, units: int, side: int, n_images: int, seed: int = 0) -> np.ndarray:
    """Number of units below all shuffles, of those the ones below both bands of noise, and of those the blue ones."""
    rng, count = np.random.default_rng(seed), np.zeros(3, dtype=int)
    levels = [noise_level(each, side, np.array([n_images]), seed=seed, rule="ours") for each in NOISES.values()]
    for _ in range(units):
        maps = draw(rng, form, smooth, (n_images, side, side))
        flat = maps.reshape(n_images, -1)
        shuffled = [rng.permuted(flat, axis=1).reshape(maps.shape) for _ in range(SHUFFLES)]
        own, *others = (feature_entropy(rule_births(each)) for each in (maps, *shuffled))
        below = own.entropy < min(float(each.entropy) for each in others)
        low = below and own.entropy < min(level.low[0] for level in levels)
        count += [below, low, low and own.selective_rate >= min(level.rate for level in levels)]
    return count


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in (("units", 80), ("side", 12), ("images", 50), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    asked, bad = parser.parse_args(words), False
    for form in FORMS:
        for parts in (0, 10, 7, 5):
            sizes = {"units": asked.units, "side": asked.side, "n_images": asked.images, "seed": asked.seed}
            below, low, blue = called(form, 1 / parts if parts else 0.0, **sizes).tolist()
            kind = f"smooth to 1/{parts} of the side" if parts else "independent pixels"
            print(
                f"{form:9} {kind:26} below all shuffles {below / asked.units:4.0%}, and below noise "
                f"{low / asked.units:4.0%}, blue {blue / asked.units:4.0%}",
                flush=True,
            )
            bad |= bool(binom.sf(blue - 1, asked.units, 0.05) < 0.001)
    print("WRONG" if bad else "noise is blue as seldom as said")
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
