"""Estimate what a whole sweep costs for each shard, image and row, from short sweeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablater, Ablation
from precompute.models.clock import work_clock

_FEW = 2
_IMAGES = 32
_QUICK = 0.2


@dataclass(frozen=True)
class Cost:
    """What a sweep costs, in seconds.

    Parameters
    ----------
    shard
        For each shard, whatever its size: the audit.
    image
        For each image: the pass without ablation, or the part of it after the layer.
    row
        For each image under each ablation.
    """

    shard: float
    image: float
    row: float

    def seconds(self, n_images: int, n_ablations: int, *, shard_size: int) -> float:
        """Return the seconds that a sweep over `n_images` takes, in shards of `shard_size`."""
        return ceil(n_images / shard_size) * self.shard + n_images * (self.image + n_ablations * self.row)


def measure_cost(
    ablater: Ablater,
    probe: Tensor,
    ablations: Sequence[Ablation],
    *,
    device: torch.device,
    at_layer: Tensor | None = None,
    patience: float = 2.0,
) -> Cost:
    """Time sweeps of more and more ablations, until they take long enough to tell what one ablation costs.

    Parameters
    ----------
    ablater
        The plain method or the engine.
    probe
        (image, channel, height, width): a few of the images. They are repeated where the network is fast.
    ablations
        Ablations like those that will be swept; a sample spread evenly over the list is timed.
    device
        Where the network is.
    at_layer
        The layer's output for the probe, where the sweeps will be given the layer's output too.
    patience
        In seconds: no sweep is timed that would take longer than this, about.
    """

    def timed(n_images: int, n_ablations: int) -> float:
        inputs, given = _some(probe, n_images), None if at_layer is None else _some(at_layer, n_images)
        chosen = [ablations[i * len(ablations) // n_ablations] for i in range(n_ablations)]
        seconds = work_clock(device)
        for _ in ablater.sweep(inputs, chosen, given):
            pass
        return seconds()

    timed(len(probe), 1)  # the first pass of a network is slow
    if ablater is ablater.plain:
        return Cost(0.0, 0.0, timed(len(probe), 1) / len(probe))
    few = min(_FEW, len(ablations))
    # At least 4, since a sweep of a quarter of them is timed too.
    n_images = _IMAGES if timed(len(probe), few) < _QUICK else max(4, len(probe))
    part, whole = timed(n_images // 4, few), timed(n_images, few)
    n, longest = few, whole
    while n < len(ablations) and (n == few or 4 * longest < patience):
        n = min(4 * n, len(ablations))
        longest = timed(n_images, n)
    # Two sweeps that differ in their ablations alone give the cost of a row. Two that differ in their images alone give
    # the cost of an image. The rest is the shard's. By chance the longer sweep may take less time, hence the zeros.
    row = max(0.0, longest - whole) / (n_images * (n - few)) if n > few else whole / (n_images * n)
    image = max(0.0, (whole - part) / (n_images - n_images // 4) - few * row)
    return Cost(max(0.0, whole - n_images * (image + few * row)), image, row)


def _some(images: Tensor, n: int) -> Tensor:
    """Return n images; where there are fewer, repeat them."""
    return images.repeat(ceil(n / len(images)), *(1 for _ in images.shape[1:]))[:n]
