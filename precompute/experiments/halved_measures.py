"""Measures and drops on each half of the images; several experiments store the measures of halves."""

from dataclasses import dataclass

import numpy as np

from precompute.measures.drop_targets import HalvedCounts
from precompute.measures.drops import Answers
from precompute.measures.maxdrop import takes_part
from precompute.measures.paired import FlipTable, paired_counts
from precompute.store.layer import Layer
from precompute.store.reader import Store


@dataclass(frozen=True, eq=False)
class HalvedMeasures:
    """Measures of a layer that an experiment computed on each half of the images alone.

    Parameters
    ----------
    half
        (image,): 0 or 1; -1 for images that were not used.
    values
        By the name of the measure, (unit, half).
    """

    half: np.ndarray
    values: dict[str, np.ndarray]


def halved_measures(store: Store, layer: Layer) -> list[HalvedMeasures]:
    """Return the measures of halves that the store holds for a layer, one entry for each experiment that has some."""
    base = f"layers/{layer.name}/by_half"
    held = [store.experiment(name) for name in store.experiments]
    return [
        HalvedMeasures(
            half=found["half"],
            values=dict(
                zip(map(str, found[f"{base}/measure"]), np.moveaxis(found[f"{base}/value"], 2, 0), strict=True)
            ),
        )
        for found in held
        if f"{base}/value" in found
    ]


def halved_counts(flips: FlipTable, before: Answers, half: np.ndarray) -> HalvedCounts:
    """Count the images lost and gained on each half, given (image,) 0, 1 or, for images to leave out, -1."""
    one, other = (paired_counts(flips, before, half == h) for h in (0, 1))
    return HalvedCounts(one, other, takes_part(before.correct, before.count))
