"""What goes into a store, estimated on a few images: how well its numbers compress, how often predictions flip."""

import zlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from precompute.ablation.ablations import Ablater, each_unit
from precompute.attribution_methods import METHODS
from precompute.errors import EngineDoubted
from precompute.images.loading import read_batches
from precompute.images.picture import small_shape, thumbnail
from precompute.measures.evenly_spread import evenly_spread
from precompute.models.clock import work_clock
from precompute.models.outputs import has_log_prob
from precompute.models.sites import Site
from precompute.models.state_dict import plain_tensors
from precompute.run.plan import Plan
from precompute.run.store_size import Contents, LayerSize
from precompute.stages.ablation import Effect, sweep
from precompute.stages.activations import Answer, answer
from precompute.stages.exemplar_maps import Peak, attribution_maps, exemplar_maps
from precompute.stages.exemplars import Wanted
from precompute.store.schema import (
    MAX_ATTRIBUTION_MAP_SIDE,
    MAX_EXEMPLAR_MAP_SIDE,
    MAX_STATE_DICT_BYTES,
    MAX_THUMBNAIL_SIDE,
)

_IMAGES, _UNITS, _PICTURES, _MAPS, _FEW = 32, 16, 8, 6, 2
_PATIENCE = 1.0  # seconds for the sweep of a layer, about
_LEVEL = 4
# So much of an array is compressed to know how well it compresses; more would give the same answer.
_MOST_BYTES = 2**20


@dataclass(frozen=True, eq=False)
class _Sample:
    """The inputs of some images spread over the classes, their right outputs, (image,), and the network's answers."""

    inputs: Tensor
    target: np.ndarray
    found: Answer


def contents_of(plan: Plan) -> list[Contents]:
    """Estimate what goes into the store of a run, from a few of its images.

    Parameters
    ----------
    plan
        The plan of the run.

    Returns
    -------
    list of Contents
        What the store holds of the images; then what it holds of training images, if there are any.
    """
    training = plan.of_training()
    own = _contents(plan)
    return [own] if training is None else [own, replace(_contents(training), network_bytes=0.0, n_parameters=0)]


def _contents(plan: Plan) -> Contents:
    images = plan.candidates
    sample = _sample(plan)
    pictures = [len(thumbnail(plan.view.picture(one), MAX_THUMBNAIL_SIDE)) for one in sample.inputs[:_PICTURES]]
    height, width = small_shape(plan.probe.shape[2:], MAX_ATTRIBUTION_MAP_SIDE)
    parameters, n_parameters = _packed_network(plan.model.network)
    return Contents(
        n_images=len(images),
        n_classes=len(plan.classes.names),
        layers=tuple(_layer(plan, site, sample) for site in plan.sites),
        n_kinds=len(plan.options.ablation),
        top_k=plan.options.top_k,
        keep=plan.options.keep,
        log_prob=has_log_prob(plan.log_prob),
        picture_bytes=float(np.mean(pictures)),
        path_bytes=max(map(len, images.paths)),
        network_bytes=parameters,
        n_parameters=n_parameters,
        attribution_bytes=2 * height * width,
    )


def _sample(plan: Plan) -> _Sample:
    """Read some images; take those of `Plan.probe` if none of these can be read."""
    positions = np.array(plan.candidates.spread(_IMAGES))
    batches = [positions[start : start + 8].tolist() for start in range(0, len(positions), 8)]
    read = [
        batch
        for batch in read_batches(plan.candidates, plan.model.transform, batches, workers=0)
        if batch.indices and batch.inputs.shape[1:] == plan.probe.shape[1:]
    ]
    inputs = torch.cat([batch.inputs for batch in read]) if read else plan.probe
    indices = [index for batch in read for index in batch.indices] or [0] * len(plan.probe)
    found = answer(plan.model.network, plan.sites, inputs.split(plan.options.batch_size), keep=plan.kept)
    return _Sample(inputs, plan.classes.output_index[plan.candidates.labels[indices]], found)


def _layer(plan: Plan, site: Site, sample: _Sample) -> LayerSize:
    responses, effect = sample.found.responses[site], _effect(plan, site, sample)
    made = plan.attribution.exemplars[site.name]
    maps_packed, attributions_packed = _maps_packed(plan, site, sample)
    return LayerSize(
        n_units=site.n_units,
        map_shape=_maps_shape(site),
        signed=responses.positive_mean is not None,
        other_tokens=len(site.other_tokens or ()),
        flip_rate=_rate(effect),
        n_attributed=sum(made.values()),
        n_places=plan.attribution.n_exemplars * len(made),
        activations_packed=packed(np.concatenate([responses.max, responses.mean])),
        changes_packed=packed(effect.log_prob_change),
        maps_packed=maps_packed,
        attributions_packed=attributions_packed,
    )


def _rate(effect: Effect) -> float:
    """Return the share of predictions that flip. Half a flip is added, since none may be seen among few."""
    return (len(effect.flip_unit) + 0.5) / effect.log_prob_change.size


def _effect(plan: Plan, site: Site, sample: _Sample) -> Effect:
    """Silence as many units, spread over the layer, as take about a second."""
    try:
        return _swept(plan, site, sample, plan.ablaters[site])
    except EngineDoubted:  # the run itself will find this out
        return _swept(plan, site, sample, plan.ablaters[site].plain)


def _swept(plan: Plan, site: Site, sample: _Sample, ablater: Ablater) -> Effect:
    at_layer = None if ablater is ablater.plain else sample.found.outputs.get(site)

    def of(n_units: int) -> Effect:
        ablations = [every[unit] for unit in evenly_spread(site.n_units, n_units)]
        baseline, target = sample.found.logits, sample.target
        return sweep(ablater, sample.inputs, ablations, baseline=baseline, target=target, at_layer=at_layer)

    every = each_unit([0.0] * site.n_units)
    seconds = work_clock(plan.device)
    found = of(_FEW)
    n_units = int(_FEW * _PATIENCE / max(seconds(), 1e-9))
    return of(n_units) if n_units > _FEW else found


def _maps_shape(site: Site) -> tuple[int, int]:
    return small_shape(site.spatial_shape or (1, 1), MAX_EXEMPLAR_MAP_SIDE)


def _maps_packed(plan: Plan, site: Site, sample: _Sample) -> tuple[float, float]:
    """Return what is left of a byte of exemplar maps, and of attribution maps, when they are compressed.

    Exemplar maps are those of some units on the images that activate them most, least and in between.
    """
    unit = evenly_spread(site.n_units, _UNITS)
    ranked = np.argsort(-sample.found.responses[site].max[unit], axis=1, kind="stable")
    at = [0, ranked.shape[1] // 2, ranked.shape[1] - 1]
    kinds = [Wanted(unit, np.zeros_like(unit), ranked[:, rank]) for rank in at]
    packing: list[float] = []
    peak: dict[Site, Peak] = {}
    for pairs in kinds:
        network, size = plan.model.network, plan.options.batch_size
        maps, found = exemplar_maps(network, {site: pairs}, sample.inputs, batch_size=size, side=MAX_EXEMPLAR_MAP_SIDE)
        packing.append(packed(maps[site].map))
        peak = peak or found
    return float(np.mean(packing)), _attributions_packed(plan, site, sample.inputs, kinds[0], peak[site])


def _attributions_packed(plan: Plan, site: Site, inputs: Tensor, pairs: Wanted, peak: Peak) -> float:
    """Return what is left of a byte of attribution maps, of a method that takes one pass if there is one."""
    made = [name for name, n in plan.attribution.exemplars[site.name].items() if n]
    if not made:
        return 1.0
    method = METHODS[min(made, key=lambda name: METHODS[name].sums_up)]
    few = np.arange(min(_MAPS, len(pairs)))
    at = (peak[0][few], peak[1][few])
    try:
        found = attribution_maps(plan.looks[site], method, inputs, pairs.take(few), at, lambda _n: None)
    except Exception:  # the run then leaves the method out, with the reason
        return 1.0
    return packed(found.map)


def packed(values: np.ndarray) -> float:
    """Return what is left of a byte of an array when a store compresses it: bytes shuffled, then deflated."""
    array = np.ascontiguousarray(values).ravel()[: _MOST_BYTES // values.itemsize]
    shuffled = array.view(np.uint8).reshape(-1, array.itemsize).T.tobytes()
    return len(zlib.compress(shuffled, _LEVEL)) / max(1, len(shuffled))


def _packed_network(network: nn.Module) -> tuple[float, int]:
    """Return the compressed bytes of a network's parameters, and their number; both 0 if the store leaves them out."""
    tensors = plain_tensors(network)
    n_bytes = sum(tensor.nbytes for tensor in tensors.values())
    if n_bytes > MAX_STATE_DICT_BYTES:
        return 0.0, 0
    return sum(packed(tensor) * tensor.nbytes for tensor in tensors.values() if tensor.size), len(tensors)
