"""Seconds a row, of the plain method, of the engine and of Captum. A row is one image under one ablation."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from captum.attr import LayerFeatureAblation
from torch import Tensor, nn

from precompute.ablation.ablations import Ablater, Ablation, each_unit
from precompute.ablation.engine import Engine
from precompute.ablation.factory import make_ablaters
from precompute.ablation.sweep_stats import SweepStats
from precompute.models.sites import find_site, list_sites
from precompute.stages.ablation import sweep
from precompute.stages.activations import answer
from tests.benchmarks.cases import Case, build, pictures

Clock = Callable[[], float]

BATCH = 32
REPEATS = 3


@dataclass(frozen=True)
class Result:
    """What one case took.

    Parameters
    ----------
    plain, engine, sweep
        Seconds a row of a sweep of all units: of the plain method, of the engine with the one forward pass for each
        image that every method needs for the predictions without ablation, and of the engine that goes on from there.
    counts
        What the engine did with the rows of the last repeat.
    spread
        Lowest and highest ratio of `plain` to `engine` among the repeats.
    """

    plain: float
    engine: float
    sweep: float
    counts: SweepStats
    spread: tuple[float, float]


def run_case(case: Case, clock: Clock = time.perf_counter) -> Result:
    """Measure one case, plain method and engine in turns."""
    images = pictures(case.images, case.size)
    network = build(case.network, images[:BATCH])
    return compare(network, case, images, clock)


@torch.no_grad()
def compare(network: nn.Module, case: Case, images: Tensor, clock: Clock) -> Result:
    """Measure the plain method on a sample of a case's rows and the engine on all of them, in turns."""
    site = find_site(list_sites(network, images[:2]), case.layer)
    engine, reason = make_ablaters(network, [site], images[:2], batch_size=BATCH, precision=case.precision)[site]
    if not isinstance(engine, Engine):
        raise SystemExit(f"{case.network} takes the plain method: {reason}.")
    ablations = each_unit([0.0] * site.n_units)[: case.units]
    rows = len(images) * len(ablations)
    plain, whole, without = [], [], []
    for _ in range(REPEATS):
        engine.counts = SweepStats()
        start = clock()
        found = answer(network, [site], images.split(BATCH), keep=[site])
        unablated = clock() - start
        few = images[:BATCH]
        plain.append(_seconds(clock, engine.plain, few, ablations[:1], found.logits[:BATCH]) / len(few))
        without.append(_seconds(clock, engine, images, ablations, found.logits, found.outputs[site]) / rows)
        whole.append(without[-1] + unablated / (len(images) * site.n_units))
    ratios = [a / b for a, b in zip(plain, whole, strict=True)]
    return Result(median(plain), median(whole), median(without), engine.counts, (min(ratios), max(ratios)))


def captum_seconds(case: Case, clock: Clock = time.perf_counter) -> float:
    """Return the seconds a row of Captum's ablation of a layer, four units of it on a few images."""
    images = pictures(BATCH, case.size)
    network = build(case.network, images)
    layer, site = network.get_submodule(case.layer), find_site(list_sites(network, images[:2]), case.layer)
    # Units past the fourth are ablated as one; the unablated network runs once.
    groups = torch.arange(site.n_units).clamp_max(4).view(1, -1, *(1 for _ in site.spatial_shape))
    start = clock()
    with torch.no_grad():
        LayerFeatureAblation(network, layer).attribute(images, target=0, layer_mask=groups)
    return (clock() - start) / (6 * len(images))


def _seconds(
    clock: Clock,
    ablater: Ablater,
    images: Tensor,
    ablations: Sequence[Ablation],
    baseline: np.ndarray,
    at_layer: Tensor | None = None,
) -> float:
    """Time a sweep as a run makes it, up to the predictions that change and the log-probabilities."""
    start = clock()
    sweep(ablater, images, ablations, baseline=baseline, target=baseline.argmax(1), at_layer=at_layer)
    return clock() - start
