"""What a run will cost, told from a few of its images, and what is left out where it would cost too much."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

import torch
from torch import Tensor

from precompute.ablation.ablations import each_unit
from precompute.ablation.cost import measure_cost
from precompute.ablation.no_op import no_ops
from precompute.models.gradients import no_gradient
from precompute.models.lineage import unrectifiable
from precompute.models.sites import Site
from precompute.plan import AttributionPlan, Plan
from precompute.stages.activations import answer
from precompute.stages.attribution import METHODS, Targets, attribute, failure_of
from precompute.store.schema import MAX_ATTRIBUTION_MAP_SIDE, MAX_EXEMPLAR_MAP_SIDE

BOUND_SECONDS = 600.0
BOUND_BYTES = 500_000_000
USUAL_EXEMPLARS = 6
FEW_EXEMPLARS = 3

Result = TypeVar("Result")


def sweep_seconds(plan: Plan) -> float:
    """Time the network and short sweeps of every layer, and scale up to all images."""
    n_images = len(plan.candidates)
    shard = min(plan.options.shard_size, n_images)
    found, seconds = _timed(lambda: answer(plan.model.network, plan.sites, [plan.probe], keep=plan.kept))
    total = n_images * seconds / len(plan.probe)
    for site, ablater in plan.ablaters.items():
        cost = measure_cost(ablater, plan.probe, each_unit([0.0] * site.n_units), at_layer=found.outputs.get(site))
        n_ablations = site.n_units + len(no_ops(site.n_units))
        total += len(plan.options.ablation) * cost.seconds(n_images, n_ablations, shard_size=shard)
    return total


def attribution_plan(plan: Plan) -> AttributionPlan:
    """Choose attributions, and say what they will cost: what was asked for, or by default what is not too much."""
    asked = tuple(METHODS) if plan.options.attribution is None else plan.options.attribution
    left_out = {site.name: _left_out(plan, site, asked) for site in plan.sites}
    full = _costed(plan, asked, left_out, min(USUAL_EXEMPLARS, plan.options.top_k))
    if plan.options.attribution is not None or (full.seconds <= BOUND_SECONDS and full.bytes <= BOUND_BYTES):
        return full
    fewer = _costed(plan, ("gradient",), left_out, min(FEW_EXEMPLARS, plan.options.top_k))
    return replace(fewer, reduced=True)


def _left_out(plan: Plan, site: Site, asked: Sequence[str]) -> dict[str, str]:
    if not asked:
        return {}
    nothing = no_gradient(plan.model.network, site, plan.probe[:2])
    if nothing is not None:
        return dict.fromkeys(asked, nothing)
    rewriting = [name for name in asked if METHODS[name].rewrites_relu]
    reason = unrectifiable(plan.model.network, site, plan.probe[:2]) if rewriting else None
    found = {} if reason is None else dict.fromkeys(rewriting, reason)
    failures = {name: _failure(plan, site, name) for name in asked if name not in found}
    return found | {name: failure for name, failure in failures.items() if failure is not None}


def _failure(plan: Plan, site: Site, name: str) -> str | None:
    """Try a method on one image, and say why it fails where it does."""
    try:
        _attribute(plan, site, name, plan.probe[:1])
    except Exception as error:  # what stands against it lies in the person's network, and can be anything
        return failure_of(error)
    return None


def _costed(plan: Plan, asked: Sequence[str], left_out: dict[str, dict[str, str]], n_exemplars: int) -> AttributionPlan:
    methods = {site.name: tuple(name for name in asked if name not in left_out[site.name]) for site in plan.sites}
    seconds, size = 0.0, 0.0
    height, width = (min(side, MAX_ATTRIBUTION_MAP_SIDE) for side in plan.probe.shape[2:])
    for site in plan.sites:
        maps = site.n_units * min(n_exemplars, len(plan.candidates))
        passes = sum(METHODS[name].passes for name in methods[site.name])
        if passes:
            seconds += maps * passes * _pass_seconds(plan, site)
        size += maps * len(methods[site.name]) * height * width * 2
    return AttributionPlan(methods, left_out, n_exemplars, seconds, size, False)


def _pass_seconds(plan: Plan, site: Site) -> float:
    """Time one forward and backward pass of one image through the part of the network up to a layer."""
    _, seconds = _timed(lambda: _attribute(plan, site, "gradient", plan.probe))
    return seconds / len(plan.probe)


def _attribute(plan: Plan, site: Site, name: str, inputs: Tensor) -> Tensor:
    """Attribute the first unit's first activation on a few images."""
    first = torch.zeros(len(inputs), dtype=torch.int64)
    targets = Targets(first, first, first)
    baseline = torch.zeros_like(inputs[0])
    return attribute(METHODS[name], plan.model.network, site, inputs, targets, baseline=baseline)


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """Return what some work comes to, and how long it takes at best of two: the first pass of a network is slow."""
    seconds = []
    for _ in range(2):
        started = perf_counter()
        result = work()
        seconds.append(perf_counter() - started)
    return result, min(seconds)


def store_bytes(plan: Plan) -> float:
    """Estimate the size of the store: what is written, before compression.

    Maps and per-image numbers make up nearly all of it.
    """
    training = plan.of_training()
    return _bytes(plan) + (0 if training is None else _bytes(training))


def _bytes(plan: Plan) -> float:
    n_images, k = len(plan.candidates), min(plan.options.top_k, len(plan.candidates))
    total = plan.attribution.bytes
    named = 0
    for site in plan.sites:
        per_image = 2 * 4 + 2 * len(plan.options.ablation)
        height, width = (min(side, MAX_EXEMPLAR_MAP_SIDE) for side in site.spatial_shape or (1, 1))
        total += site.n_units * (n_images * per_image + 3 * k * height * width * 2)
        named += site.n_units * 3 * k
    return total + min(named, n_images) * 5_000
