"""Measures and drops on either half of the images, as several experiments leave them in a store."""

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
    """Measures of a layer that an experiment computed on either half of the images, each from that half alone.

    Parameters
    ----------
    half
        (image,) 0 or 1, -1 for images that were not used.
    values
        By the measure's name, (unit, half).
    """

    half: np.ndarray
    values: dict[str, np.ndarray]


def halved_measures(store: Store, layer: Layer) -> list[HalvedMeasures]:
    """Return what the store's experiments computed on halves, one entry an experiment that did."""
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
    """Count the images lost and gained of either half, (image,) 0 or 1, other images for neither."""
    one, other = (paired_counts(flips, before, half == h) for h in (0, 1))
    return HalvedCounts(one, other, takes_part(before.correct, before.count))
