"""Estimate what the compression of some layers costs, and cut it down to the time and memory that there are."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from precompute.ablation.ablations import Ablater
from precompute.ablation.iterative import held_bytes
from precompute.experiments.ablation_orders import seconds_each
from precompute.experiments.budget import Cut, fewer_per_class, fit_into_time
from precompute.experiments.compression.baseline_orders import n_orders
from precompute.experiments.compression.greedy import GreedyCost, greedy_cost
from precompute.experiments.image_choice import choose_nonempty_halves
from precompute.experiments.protocol import Job
from precompute.experiments.restored_run import RestoredRun
from precompute.models.device import free_memory
from precompute.store.layer import Layer

_FEWEST_ROUNDS = 8


@dataclass(frozen=True, eq=False)
class Compressible:
    """What is known of one layer before its compression.

    Parameters
    ----------
    layer
        The layer.
    ablater
        Runs the network without some of its units.
    deciding
        What rounds of trials cost.
    measuring
        Seconds to measure accuracy without one set of units on one image.
    image_bytes
        Bytes that stay in memory for each image that decides.
    """

    layer: Layer
    ablater: Ablater
    deciding: GreedyCost
    measuring: float
    image_bytes: int


def measure_costs(restored: RestoredRun, layer: Layer) -> Compressible:
    """Measure what the compression of a layer costs."""
    site = restored.site(layer)
    ablater = restored.ablater(site)
    some = np.stack([np.random.default_rng(seed).permutation(layer.n_units) for seed in range(n_orders(layer))])
    return Compressible(
        layer=layer,
        ablater=ablater,
        deciding=greedy_cost(ablater, restored.probe, layer.n_units),
        measuring=seconds_each(restored, ablater, some),
        image_bytes=held_bytes(ablater, restored.probe[0]),
    )


@dataclass(frozen=True, eq=False)
class Extent:
    """On which images a compression is decided and measured, and how far it goes.

    Parameters
    ----------
    half
        (image,): 0 for images that decide which units go, 1 for images to measure accuracy on, -1 for unused images.
    a_round
        How many units go in each round.
    keep
        The share of the units that stay.
    """

    half: np.ndarray
    a_round: int = 1
    keep: float = 0.0

    def n_removed(self, layer: Layer) -> np.ndarray:
        """Return how many units are gone before the first round and after each, (round + 1,)."""
        target = layer.n_units - int(self.keep * layer.n_units)
        return np.unique([*range(0, target, self.a_round), target])

    def n_images(self, half: int) -> int:
        """Return how many images a half has."""
        return int((self.half == half).sum())

    def n_rows(self, layer: Layer) -> tuple[int, int]:
        """Return how many ablated images have to be computed to decide, and how many to measure."""
        n_removed = self.n_removed(layer)
        n_trials = int((layer.n_units - n_removed[:-1]).sum())
        return n_trials * self.n_images(0), n_orders(layer) * (len(n_removed) - 1) * self.n_images(1)

    def seconds(self, each: Compressible) -> float:
        """Return about how many seconds one layer takes."""
        n_rounds = len(self.n_removed(each.layer)) - 1
        n_trials, n_measured = self.n_rows(each.layer)
        return each.deciding.seconds(n_rounds, n_trials, self.n_images(0)) + each.measuring * n_measured


def affordable(job: Job, restored: RestoredRun, layers: Sequence[Compressible]) -> tuple[Extent, str | None]:
    """Choose the extent that memory and time allow; return it with sentences on what was left out, or None.

    Too little memory means fewer images. Too little time means more units in each round, as few more as possible; and
    where that leaves too few rounds, fewer images as well.
    """
    extent = Extent(_halves(job, job.options.images_per_class), keep=job.options.keep)
    extent, crowded = _in_memory(job, restored, layers, extent)
    extent, hurried = fit_into_time(extent, partial(_seconds, layers), job.options.max_minutes, _cuts(job, layers))
    return extent, " ".join(filter(None, (crowded, hurried))) or None


def _in_memory(
    job: Job, restored: RestoredRun, layers: Sequence[Compressible], extent: Extent
) -> tuple[Extent, str | None]:
    room = free_memory(restored.device) // 2
    needed = extent.n_images(0) * max((each.image_bytes for each in layers), default=0)
    if needed <= room:
        return extent, None
    extent, per_class = _on_fewer_images(job, extent, room / needed)
    return extent, f"Memory has room for {per_class} images of each class; half of them decide which units go."


def _cuts(job: Job, layers: Sequence[Compressible]) -> list[Cut[Extent]]:
    """Let more units go in each round, as few more as possible; where rounds become too few, use fewer images too."""

    def rounds(extent: Extent, _share: float) -> tuple[Extent, str]:
        most = max(1, max(each.layer.n_units for each in layers) // _FEWEST_ROUNDS)
        extents = [replace(extent, a_round=a_round) for a_round in range(1, most + 1)]
        budget = 60 * job.options.max_minutes
        extent = next((each for each in extents if _seconds(layers, each) <= budget), extents[-1])
        several = extent.a_round > 1
        return extent, f"each round removes {extent.a_round} unit{'s' * several}"

    def images(extent: Extent, share: float) -> tuple[Extent, str]:
        extent, per_class = _on_fewer_images(job, extent, share)
        return extent, f"on {per_class} images of each class, of which half decide which units go"

    return [rounds, images]


def _seconds(layers: Sequence[Compressible], extent: Extent) -> float:
    return sum(map(extent.seconds, layers))


def _on_fewer_images(job: Job, extent: Extent, share: float) -> tuple[Extent, int]:
    per_class = fewer_per_class(np.asarray(job.store.images.label)[extent.half >= 0], share)
    return replace(extent, half=_halves(job, per_class)), per_class


def _halves(job: Job, per_class: int | None) -> np.ndarray:
    return choose_nonempty_halves(np.asarray(job.store.images.label), per_class, seed=job.seed)
