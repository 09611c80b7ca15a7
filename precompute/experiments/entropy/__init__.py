"""Feature entropy of every unit for every class, and what removing units in its order does to the class.

Entropies are computed on one half of the images, or on training images. Accuracy and loss are measured on other images,
so no order is tried on the images that it comes from.
"""

from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import numpy as np

from precompute.errors import OptionError
from precompute.experiments.ablation_orders import orders, seconds_each, steps
from precompute.experiments.budget import Cut, fit_into_time
from precompute.experiments.entropy.class_curves import RANKINGS, ClassOrders, class_curves, n_sets
from precompute.experiments.entropy.class_entropies import (
    N_SHUFFLES,
    ReadBirths,
    Reading,
    agreement,
    births_over,
    entropies,
    noise,
)
from precompute.experiments.entropy.ranking_split import Samples, choose_samples
from precompute.experiments.protocol import Arrays, Findings, Job, Prepared
from precompute.experiments.restored_run import restore_run, training_conditions
from precompute.experiments.sweeps import Sweeps, SweptNetwork
from precompute.measures.births import SMALLEST_SIDE
from precompute.models.device import exact_float32
from precompute.models.hooks import outputs_at
from precompute.progress import Stage
from precompute.stages.births import births_of
from precompute.store.layer import Layer


@dataclass(frozen=True, eq=False)
class _LayerWork:
    """What is to be done in one layer.

    Parameters
    ----------
    layer
        The layer.
    n_removed
        (step,): how many units are removed, from 0 to all.
    seconds_a_map, seconds_a_set
        About how long it takes to find the birth level of one unit on one image, and to ablate one set of units on one
        image.
    """

    layer: Layer
    n_removed: np.ndarray
    seconds_a_map: float
    seconds_a_set: float

    @property
    def n_sets(self) -> int:
        """Number of sets of units that are ablated on every image."""
        return n_sets(len(self.n_removed))


def prepare(job: Job) -> Prepared:
    """Prepare the entropies and curves of every layer."""
    layers, notes = _with_maps(job.layers)
    with exact_float32():
        network = SweptNetwork.of(restore_run(job.store, job.options), layers)
        work = [_work(job, network, layer) for layer in layers]
    samples = choose_samples(job, job.options.images_per_class)
    training = [] if samples.training is None else [samples.training]
    conditions = tuple(told for train in training for told in training_conditions(job.store, job.options, train))
    sweeps = job.workers.sweeps(network, [network.restored.images, *training])
    seconds = sweeps.shared(_seconds)
    (work, samples), reduced = fit_into_time((work, samples), seconds, job.options.max_minutes, _cuts(job))
    return Prepared(
        seconds=seconds((work, samples)),
        bytes=sum(_bytes(each, len(job.store.classes)) for each in work),
        steps=sum(_n_maps(each, samples) + each.n_sets * len(samples.measured) for each in work),
        unit="maps and ablated images",
        run=partial(_run, job, sweeps, work, samples),
        reduced=reduced,
        notes=(_images_used(samples), *notes),
        conditions=conditions,
    )


def _with_maps(layers: tuple[Layer, ...]) -> tuple[list[Layer], tuple[str, ...]]:
    """Return the layers whose maps are large enough, and sentences on the other layers and on maps that are cropped."""
    kept = [layer for layer in layers if _side(layer) >= SMALLEST_SIDE]
    if not kept:
        raise OptionError(
            f"Feature entropy needs maps of at least {SMALLEST_SIDE} a side, but those of "
            f"{', '.join(f'{layer.name} are {_shape(layer)}' for layer in layers)}. Choose a layer with larger maps "
            "with --layer; if the store holds none, run the network again on such a layer."
        )
    small = [f"{layer.name} is left out: its maps are {_shape(layer)}" for layer in layers if layer not in kept]
    cut = [
        f"{layer.name}: only the middle {_side(layer)} x {_side(layer)} of its maps, which are {_shape(layer)}, is used"
        for layer in kept
        if len(set(layer.spatial_shape)) > 1
    ]
    return kept, (*small, *cut)


def _side(layer: Layer) -> int:
    return min(layer.spatial_shape, default=0)


def _shape(layer: Layer) -> str:
    return " x ".join(map(str, layer.spatial_shape)) or "single numbers"


def _work(job: Job, network: SweptNetwork, layer: Layer) -> _LayerWork:
    restored, site = network.restored, network.sites[layer.name]
    probe = restored.probe.to(restored.device)
    at_random = orders(np.zeros(layer.n_units), seed=job.seed)
    maps = outputs_at(restored.model.network, [site], probe)[site]
    started = perf_counter()
    births_of(maps, np.random.default_rng(0), n_shuffles=1, rule=job.options.entropy_rule)
    return _LayerWork(
        layer=layer,
        n_removed=np.arange(layer.n_units + 1),
        seconds_a_map=(perf_counter() - started) / (2 * len(probe) * layer.n_units),
        seconds_a_set=seconds_each(restored, network.ablaters[layer.name], at_random),
    )


def _images_used(samples: Samples) -> str:
    if samples.training is None:
        return "Entropies are computed on one half of the images, accuracy and loss on the other half"
    return (
        f"Entropies are computed on {samples.n_ranked} training images in {samples.training.root}, accuracy and loss "
        "on the store's images"
    )


# What it costs


Work = tuple[list[_LayerWork], Samples]
"""The work on every layer, and its images."""


def _seconds(extent: Work) -> float:
    work, samples = extent
    return sum(
        each.seconds_a_map * _n_maps(each, samples) + each.seconds_a_set * each.n_sets * len(samples.measured)
        for each in work
    )


def _n_maps(work: _LayerWork, samples: Samples) -> int:
    return work.layer.n_units * ((1 + N_SHUFFLES) * samples.n_ranked + len(samples.measured))


def _bytes(work: _LayerWork, n_classes: int) -> float:
    return 4.0 * n_classes * (7 * work.layer.n_units + len(RANKINGS) * (2 * len(work.n_removed) + 4))


def _cuts(job: Job) -> list[Cut[Work]]:
    """Measure at fewer steps; if that is not enough, on fewer images."""

    def fewer_steps(extent: Work, share: float) -> tuple[Work, str]:
        work = [replace(each, n_removed=steps(each.layer.n_units, share)) for each in extent[0]]
        counts = ", ".join(str(len(each.n_removed)) for each in work)
        return (work, extent[1]), f"accuracy and loss are measured at {counts} numbers of removed units"

    def fewer_images(extent: Work, share: float) -> tuple[Work, str]:
        work, samples = extent
        per_class = max(2, int(samples.per_class * share))
        apart = "half of them for entropies" if samples.training is None else "and on as many training images"
        return (work, choose_samples(job, per_class)), f"on {per_class} images of each class, {apart}"

    return [fewer_steps, fewer_images]


# The work


def _run(job: Job, sweeps: Sweeps, work: list[_LayerWork], samples: Samples, stage: Stage) -> Findings:
    n_classes = len(job.store.classes)
    found, label = _with_entropies(job, sweeps, work, samples, stage)
    removals = {each.layer.name: _class_orders(job, each, found[each.layer.name]["entropy"]) for each in work}
    curves = class_curves(sweeps, removals, job.store, samples.measured, stage)
    arrays: Arrays = {"half": samples.half, "n_images": np.bincount(label, minlength=n_classes)}
    for layer, levels in found.items():
        arrays |= {f"layers/{layer}/{name}": values for name, values in (levels | curves[layer]).items()}
    return Findings(arrays, _measures(job, found))


def _with_entropies(
    job: Job, sweeps: Sweeps, work: list[_LayerWork], samples: Samples, stage: Stage
) -> tuple[dict[str, Arrays], np.ndarray]:
    """Return each layer's entropies with their agreement with other images, and the labels of the images ranked on."""
    n_classes, rule = len(job.store.classes), job.options.entropy_rule
    n_units = {each.layer.name: each.layer.n_units for each in work}
    shuffling, plain = (Reading(rule, job.seed, n_shuffles) for n_shuffles in (N_SHUFFLES, 0))
    first, ranked = births_over(samples.over_ranked(sweeps, ReadBirths(shuffling), stage), n_units, shuffling)
    second, measured = births_over(sweeps.over(samples.measured, ReadBirths(plain), stage), n_units, plain)
    label, other = samples.ranked_label[ranked], samples.label[measured]
    n_images = np.bincount(label, minlength=n_classes)
    found = {}
    for each in work:
        name = each.layer.name
        arrays = entropies(first[name], label, n_classes, rule=rule)
        arrays["agreement"] = agreement(arrays["entropy"], second[name], other, rule=rule)
        found[name] = arrays | noise(_side(each.layer), n_images, rule=rule, seed=job.seed)
    return found, label


def _class_orders(job: Job, work: _LayerWork, entropy: np.ndarray) -> ClassOrders:
    """Order the units for every class, lowest entropy first; units of equal entropy come in random order."""
    found = [orders(-of_class, seed=job.seed) for of_class in entropy.T]
    return ClassOrders(work.n_removed, np.stack([each[0] for each in found]), found[0][2:])


def _measures(job: Job, found: dict[str, Arrays]) -> dict[str, Arrays]:
    """Return the means over classes, for our rule alone: the name of a measure should mean one thing."""
    if job.options.entropy_rule != "ours":
        return {}
    named = {"feature_entropy": "entropy", "selective_rate": "selective_rate"}
    return {
        layer: {name: _mean_over_classes(arrays[of]) for name, of in named.items()} for layer, arrays in found.items()
    }


def _mean_over_classes(values: np.ndarray) -> np.ndarray:
    defined = ~np.isnan(values)
    return np.where(defined, values, 0).sum(axis=1) / np.where(defined.any(axis=1), defined.sum(axis=1), np.nan)
