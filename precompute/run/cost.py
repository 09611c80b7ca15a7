"""What a run takes, estimated from a few of its images: the time of its sweeps."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablater, each_unit
from precompute.ablation.cost import Cost, measure_cost
from precompute.ablation.no_op import no_ops
from precompute.errors import EngineDoubted
from precompute.models.clock import work_clock
from precompute.models.sites import Site
from precompute.run.plan import Plan
from precompute.stages.activations import answer

Result = TypeVar("Result")


def sweep_seconds(plan: Plan) -> float:
    """Time the network and short sweeps of every layer, and scale up to all images."""
    n_images = len(plan.candidates)
    shard = min(plan.options.shard_size, n_images)
    found, seconds = _timed(lambda: answer(plan.model.network, plan.sites, [plan.probe], keep=plan.kept), plan.device)
    total = n_images * seconds / len(plan.probe)
    for site, ablater in plan.ablaters.items():
        cost = _cost_of_sweep(ablater, plan, site, found.outputs.get(site))
        n_ablations = site.n_units + len(no_ops(site.n_units))
        total += len(plan.options.ablation) * cost.seconds(n_images, n_ablations, shard_size=shard)
    return total


def _cost_of_sweep(ablater: Ablater, plan: Plan, site: Site, at_layer: Tensor | None) -> Cost:
    ablations = each_unit([0.0] * site.n_units)
    try:
        return measure_cost(ablater, plan.probe, ablations, device=plan.device, at_layer=at_layer)
    except EngineDoubted:
        # The run will come to that by itself, and then sweep this layer so.
        return measure_cost(ablater.plain, plan.probe, ablations, device=plan.device)


def _timed(work: Callable[[], Result], device: torch.device) -> tuple[Result, float]:
    """Return what some work comes to, and how long it takes at best of two: the first pass of a network is slow."""
    seconds = []
    for _ in range(2):
        clock = work_clock(device)
        result = work()
        seconds.append(clock())
    return result, min(seconds)
