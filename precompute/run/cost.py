"""Estimate what a run costs from a few of its images, and leave out what would cost too much."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

import torch
from torch import Tensor, nn

from precompute.ablation.ablations import Ablater, each_unit
from precompute.ablation.cost import Cost, measure_cost
from precompute.ablation.engine import Engine
from precompute.ablation.no_op import no_ops
from precompute.ablation.plain import PlainAblater
from precompute.attribution_methods import METHODS, Method
from precompute.errors import EngineDoubted
from precompute.images.picture import small_shape
from precompute.measures.image_top import N_STRONGEST
from precompute.models.sites import Site
from precompute.run.plan import AttributionPlan, Plan
from precompute.stages.activation_at import ActivationAt, activation_at, not_right
from precompute.stages.activations import N_HIGHEST, answer
from precompute.stages.attribution import Attributed, Targets, attribute, failure_of
from precompute.store.schema import (
    EXEMPLAR_KINDS,
    MAX_ATTRIBUTION_MAP_SIDE,
    MAX_EXEMPLAR_MAP_SIDE,
    MAX_STATE_DICT_BYTES,
)

LEAST_SECONDS = 30.0
USUAL_EXEMPLARS = 6
# Bytes of what a store holds: a number; a flip, its image and prediction; counts, drop and tests of a class; a picture.
_FLOAT, _FLIP, _OF_CLASS, _PICTURE = 4, 8, 44, 15_000
_OF_FILE = 500_000  # what describes all that, of a layer

Result = TypeVar("Result")


def sweep_seconds(plan: Plan) -> float:
    """Time the network and short sweeps of every layer, and scale up to all images."""
    n_images = len(plan.candidates)
    shard = min(plan.options.shard_size, n_images)
    found, seconds = _timed(lambda: answer(plan.model.network, plan.sites, [plan.probe], keep=plan.kept))
    total = n_images * seconds / len(plan.probe)
    for site, ablater in plan.ablaters.items():
        cost = _cost_of_sweep(ablater, plan, site, found.outputs.get(site))
        n_ablations = site.n_units + len(no_ops(site.n_units))
        total += len(plan.options.ablation) * cost.seconds(n_images, n_ablations, shard_size=shard)
    return total


def _cost_of_sweep(ablater: Ablater, plan: Plan, site: Site, at_layer: Tensor | None) -> Cost:
    ablations = each_unit([0.0] * site.n_units)
    try:
        return measure_cost(ablater, plan.probe, ablations, at_layer=at_layer)
    except EngineDoubted:
        # The run will come to that by itself, and then sweep this layer so.
        plain = PlainAblater(plan.model.network, site, batch_size=plan.options.batch_size)
        return measure_cost(plain, plan.probe, ablations)


def with_attributions(plan: Plan) -> Plan:
    """Return the plan with its attributions: what was asked for, or by default what is not too much.

    By default, the gradient on the first exemplars and integrated gradients on the very first are always made. The rest
    is made in the order in which it is looked at, as long as all attributions together take no longer than the pass
    without ablation and the sweeps, or half a minute where that is more. What does not fit can be made later.
    """
    asked = tuple(METHODS) if plan.options.attribution is None else plan.options.attribution
    left_out = {site.name: not_right(plan.model.network, site, plan.probe, asked) for site in plan.sites}
    programs = {site: ablater.program for site, ablater in plan.ablaters.items() if isinstance(ablater, Engine)}
    networks = {
        site: activation_at(plan.model.network, site, plan.probe, programs.get(site))
        for site in plan.sites
        if len(left_out[site.name]) < len(asked)
    }
    for site, network in networks.items():
        left_out[site.name] |= _failing(plan, network, [name for name in asked if name not in left_out[site.name]])
    right = {site: [name for name in asked if name not in left_out[site.name]] for site in plan.sites}
    networks = {site: network for site, network in networks.items() if right[site]}
    n_exemplars = min(USUAL_EXEMPLARS, plan.options.top_k, len(plan.candidates))
    seconds = {site: _pass_seconds(plan, network, METHODS[right[site][0]]) for site, network in networks.items()}
    if plan.options.attribution is None:
        exemplars, total = _within_bounds(plan, right, seconds, n_exemplars)
    else:
        exemplars = {site: dict.fromkeys(methods, n_exemplars) for site, methods in right.items()}
        total = sum(_cost(site, name, n_exemplars, seconds) for site in networks for name in right[site])
    size = sum(_bytes_of_map(plan) * site.n_units * n_exemplars * len(methods) for site, methods in exemplars.items())
    settled = {site.name: methods for site, methods in exemplars.items()}
    attribution = AttributionPlan(settled, left_out, n_exemplars, total, size)
    return replace(plan, attribution=attribution, activations_at=networks)


def _within_bounds(
    plan: Plan, right: Mapping[Site, Sequence[str]], seconds: Mapping[Site, float], n_exemplars: int
) -> tuple[dict[Site, dict[str, int]], float]:
    """Return for every layer and method how many exemplars get maps, and the time that this takes."""
    exemplars = {site: dict.fromkeys(methods, 0) for site, methods in right.items()}
    bound, total = max(LEAST_SECONDS, plan.sweep_seconds), 0.0
    for name, upto, always in _in_order(n_exemplars):
        for site, counts in exemplars.items():
            if name not in counts or upto <= counts[name]:
                continue
            cost = _cost(site, name, upto - counts[name], seconds)
            if always or total + cost <= bound:
                counts[name], total = upto, total + cost
    return exemplars, total


def _in_order(n_exemplars: int) -> Iterator[tuple[str, int, bool]]:
    """Yield methods, up to which exemplar they go, and whether they go there whatever it costs; what is seen first."""
    yield "gradient", n_exemplars, True
    yield "integrated_gradients", min(1, n_exemplars), True
    yield from ((name, n_exemplars, False) for name in METHODS if name not in ("gradient", "integrated_gradients"))
    yield from (("integrated_gradients", upto, False) for upto in range(2, n_exemplars + 1))


def _cost(site: Site, name: str, n_exemplars: int, seconds: Mapping[Site, float]) -> float:
    return site.n_units * n_exemplars * METHODS[name].passes * seconds[site]


def _failing(plan: Plan, network: ActivationAt, methods: Sequence[str]) -> dict[str, str]:
    """Try methods on one image, and return those that fail, with what they say."""
    found = {}
    for name in methods:
        try:
            _attribute(network, name, plan.probe[:1])
        except Exception as error:  # what stands against it lies in the person's network, and can be anything
            found[name] = failure_of(error)
    return found


def _bytes_of_map(plan: Plan) -> int:
    height, width = small_shape(plan.probe.shape[2:], MAX_ATTRIBUTION_MAP_SIDE)
    return 2 * height * width


def _pass_seconds(plan: Plan, network: ActivationAt, method: Method) -> float:
    """Time one forward and backward pass of one image through the part of the network up to a layer."""
    _, seconds = _timed(lambda: _attribute(network, method.name, plan.probe))
    return seconds / len(plan.probe) / method.steps


def _attribute(network: ActivationAt, name: str, inputs: Tensor) -> Attributed:
    """Attribute the first unit's first activation on a few images."""
    first = torch.zeros(len(inputs), dtype=torch.int64)
    targets = Targets(first, first, first)
    return attribute(METHODS[name], network, inputs, targets, baseline=torch.zeros_like(inputs[0]))


def _timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """Return what some work comes to, and how long it takes at best of two: the first pass of a network is slow."""
    seconds = []
    for _ in range(2):
        started = perf_counter()
        result = work()
        seconds.append(perf_counter() - started)
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
