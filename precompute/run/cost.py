"""What a run costs, estimated from a few of its images: the time of its sweeps, the size of its store."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from precompute.ablation.ablations import Ablater, each_unit
from precompute.ablation.cost import Cost, measure_cost
from precompute.ablation.no_op import no_ops
from precompute.errors import EngineDoubted
from precompute.measures.image_top import N_STRONGEST
from precompute.models.clock import work_clock
from precompute.models.sites import Site
from precompute.run.plan import Plan
from precompute.stages.activations import N_HIGHEST, answer
from precompute.store.schema import (
    EXEMPLAR_KINDS,
    MAX_EXEMPLAR_MAP_SIDE,
    MAX_STATE_DICT_BYTES,
)

# Bytes of what a store holds: a number; a flip, its image and prediction; counts, drop and tests of a class; a picture.
_FLOAT, _FLIP, _OF_CLASS, _PICTURE = 4, 8, 44, 15_000
_OF_FILE = 500_000  # what describes all that, of a layer

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


def store_bytes(plan: Plan) -> float:
    """Find what the store's size cannot exceed: nothing is compressed, and every prediction flips."""
    parts = [plan, *filter(None, [plan.of_training()])]
    structure = _OF_FILE * len(parts) * len(plan.sites)
    return structure + _bytes_of_network(plan.model.network) + sum(map(_bytes, parts))


def _bytes(plan: Plan) -> float:
    n_images, n_classes = len(plan.candidates), len(plan.classes.names)
    k, n_kinds = min(plan.options.top_k, n_images), len(plan.options.ablation)
    per_image = 3 * _FLOAT + (2 + _FLIP) * n_kinds
    per_class = _FLOAT + _OF_CLASS * n_kinds
    total, n_named = plan.attribution.bytes + 2 * _FLOAT * N_HIGHEST * n_images, 0
    for site in plan.sites:
        height, width = (min(side, MAX_EXEMPLAR_MAP_SIDE) for side in site.spatial_shape or (1, 1))
        of_exemplar = 2 * height * width + 2 * _FLOAT
        total += site.n_units * (n_images * per_image + n_classes * per_class + len(EXEMPLAR_KINDS) * k * of_exemplar)
        total += 2 * _FLOAT * min(N_STRONGEST, site.n_units) * n_images
        n_named += site.n_units * len(EXEMPLAR_KINDS) * k
    return total + min(n_named, n_images) * _PICTURE


def _bytes_of_network(network: nn.Module) -> int:
    size = sum(tensor.numel() * tensor.element_size() for tensor in network.state_dict().values())
    return size if size <= MAX_STATE_DICT_BYTES else 0
