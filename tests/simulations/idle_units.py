"""Are units that answer to no class told to, also where many images tie?

usage: python -m tests.simulations.idle_units [--units 300] [--layers 10] [--seed 1]

Activations of 200 images of 10 classes know nothing of the classes: half of them zero, all but one in fifty zero,
rounded to whole numbers, saturated at 6, or one of two values. Prints for each measure of the experiment selectivity
the share of units with p <= 0.05, and the share above the level that chance stays below in 95 % of cases. Ends with
status 1 where a share is clearly more than 5 %: above it by four standard errors between layers, which share their
shuffles, and at least by one point.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from precompute.experiments.selectivity.class_statistics import against_shuffles, shuffled
from precompute.measures.responses import Labels, Responses

KINDS = ("half are zero", "one in fifty", "whole numbers", "saturated", "two values")
_CLASSES, _IMAGES, _DRAWS = 10, 20, 100


def draw(rng: np.random.Generator, kind: str, shape: tuple[int, int]) -> np.ndarray:
    """Activations (unit, image) that know nothing of the images' classes."""
    normal = rng.normal(size=shape)
    values = {
        "half are zero": np.maximum(normal, 0),
        "one in fifty": np.where(rng.random(shape) < 0.02, np.abs(normal), 0),
        "whole numbers": np.round(np.maximum(normal, 0)),
        "saturated": np.minimum(8 * np.abs(normal), 6),
        "two values": (normal > 0).astype(float),
    }
    return values[kind].astype(np.float32)


def shares(kind: str, *, n_units: int, seed: int) -> np.ndarray:
    """Shares of the units of one layer with p <= 0.05 and above the level, (of, measure)."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(_CLASSES), _IMAGES)
    values = draw(rng, kind, (n_units, len(label)))
    found = against_shuffles(
        Responses(values, values, values),
        Labels(label, _CLASSES, _IMAGES),
        np.arange(len(label)) % 2,
        draws=_DRAWS,
        seed=seed,
    )
    return np.stack([np.nanmean(found["p"] <= 0.05, 0), np.nanmean(found["observed"] > found["ceiling"], 0)])


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=300)
    parser.add_argument("--layers", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(words)
    too_many = False
    for kind in KINDS:
        found = np.stack([shares(kind, n_units=asked.units, seed=asked.seed + layer) for layer in range(asked.layers)])
        mean, error = found.mean(0), found.std(0, ddof=1) / np.sqrt(asked.layers)
        too_many |= bool((mean - np.maximum(4 * error, 0.01) > 0.05).any())
        for name, called, above in zip(shuffled(), *mean, strict=True):
            print(f"{kind:14s} {name:28s} p <= 0.05 {100 * called:4.1f} %, above the level {100 * above:4.1f} %")
    return int(too_many)


if __name__ == "__main__":
    sys.exit(main())
