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

_BATCH = 64
_LONG = 2.0

Result = TypeVar("Result")


def sweep_seconds(plan: Plan) -> float:
    """Time the network and short sweeps of every layer, and scale up to all images."""
    n_images = len(plan.candidates)
    shard = min(plan.options.shard_size, n_images)
    found, _ = timed(lambda: answer(plan.model.network, plan.sites, [plan.probe], keep=plan.kept), plan.device)
    batch = usual_batch(plan)
    _, seconds = timed(lambda: answer(plan.model.network, plan.sites, [batch], keep=plan.kept), plan.device)
    total = n_images * seconds / len(batch)
    for site, ablater in plan.ablaters.items():
        cost = _cost_of_sweep(ablater, plan, site, found.outputs.get(site))
        n_ablations = site.n_units + len(no_ops(site.n_units))
        total += len(plan.options.ablation) * cost.seconds(n_images, n_ablations, shard_size=shard)
    return total


def usual_batch(plan: Plan) -> Tensor:
    """Return as many images as a pass has, about: a few alone fit where many do not, and are quicker for it."""
    n = min(plan.options.batch_size, len(plan.candidates), _BATCH)
    return plan.probe.repeat(-(-n // len(plan.probe)), 1, 1, 1)[:n]


def _cost_of_sweep(ablater: Ablater, plan: Plan, site: Site, at_layer: Tensor | None) -> Cost:
    ablations = each_unit([0.0] * site.n_units)
    try:
        return measure_cost(ablater, plan.probe, ablations, device=plan.device, at_layer=at_layer)
    except EngineDoubted:
        # The run will come to that by itself, and then sweep this layer so.
        return measure_cost(ablater.plain, plan.probe, ablations, device=plan.device)


def timed(work: Callable[[], Result], device: torch.device) -> tuple[Result, float]:
    """Return what some work comes to, and how long it takes: the first pass of a network is slow, if it is not long."""
    clock = work_clock(device)
    result = work()
    first = clock()
    if first > _LONG:
        return result, first
    clock = work_clock(device)
    work()
    return result, min(first, clock())
