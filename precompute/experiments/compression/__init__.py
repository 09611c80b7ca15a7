"""Greedy compression: every round judges the remaining units anew, and removes those that cost accuracy least."""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
from torch import Tensor

from precompute.ablation.iterative import make_iterative
from precompute.experiments.ablation_orders import without
from precompute.experiments.compression.baseline_orders import n_orders, one_shot_orders, unit_norm
from precompute.experiments.compression.class_reduction import class_reduction
from precompute.experiments.compression.colour import colour_measures, exemplar_images
from precompute.experiments.compression.greedy import Greedy, remove_greedily
from precompute.experiments.compression.schedule import Compressible, Extent, affordable, measure_costs
from precompute.experiments.protocol import Advance, Arrays, Findings, Job, Prepared
from precompute.experiments.restored_run import RestoredRun, restore_run
from precompute.models.device import exact_float32
from precompute.stages.ablation import Effect, sweep
from precompute.store.answers import answers


def prepare(job: Job) -> Prepared:
    """Prepare the compression of every layer."""
    with exact_float32():
        restored = restore_run(job.store, job.options)
        layers = [measure_costs(restored, layer) for layer in job.layers]
    extent, reduced = affordable(job, restored, layers)
    return Prepared(
        seconds=sum(map(extent.seconds, layers)),
        bytes=sum(_bytes(each, extent) for each in layers),
        steps=sum(sum(extent.n_rows(layer)) for layer in job.layers) + len(exemplar_images(job.layers)),
        unit="images",
        run=partial(_run, job, restored, layers, extent),
        reduced=reduced,
    )


def _bytes(each: Compressible, extent: Extent) -> float:
    n_steps, n_units = len(extent.n_removed(each.layer)), each.layer.n_units
    return 4 * (n_orders(each.layer) * (n_units + n_steps) + n_steps * n_units + 40 * n_units)


def _run(job: Job, restored: RestoredRun, layers: Sequence[Compressible], extent: Extent, advance: Advance) -> Findings:
    arrays: Arrays = {"half": extent.half}
    with exact_float32():
        colour = colour_measures(restored, job.layers)
        advance(len(exemplar_images(job.layers)))
        greedy = [_decided(job, restored, each, extent, advance) for each in layers]
        orders = [_orders(job, each, extent, found) for each, found in zip(layers, greedy, strict=True)]
        curves = _measured(job, restored, layers, orders, extent, advance)
    for each, found, order, curve in zip(layers, greedy, orders, curves, strict=True):
        parts = {
            "ranking": np.array([name for name, _ in order]),
            "unit": np.stack([units for _, units in order]),
            "n_removed": found.n_removed,
            "accuracy": curve,
            "deciding_accuracy": found.accuracy,
            "reduction": found.reduction,
            "colour_selectivity": colour[each.layer.name]["colour_selectivity"],
            **class_reduction(job.store, each.layer, extent.half),
        }
        arrays |= {f"layers/{each.layer.name}/{name}": values for name, values in parts.items()}
    return Findings(arrays, colour)


# Deciding which units go, on one half of the images


def _decided(job: Job, restored: RestoredRun, each: Compressible, extent: Extent, advance: Advance) -> Greedy:
    deciding = np.flatnonzero(extent.half == 0)
    said: list[np.ndarray] = []

    def shards() -> Iterator[Tensor]:
        for _, inputs, logits in restored.read(deciding):
            said.append(logits.argmax(axis=1))
            yield inputs

    iterative = make_iterative(each.ablater, shards())
    return remove_greedily(
        iterative,
        np.concatenate(said),
        answers(job.store).target[deciding],
        unit_norm(each.layer),
        n_removed=extent.n_removed(each.layer),
        advance=advance,
    )


# Measuring accuracy, on the other half

Orders = list[tuple[str, np.ndarray]]


def _orders(job: Job, each: Compressible, extent: Extent, found: Greedy) -> Orders:
    return [("greedy", found.order), *one_shot_orders(job.store, each.layer, extent.half, seed=job.seed)]


def _measured(
    job: Job,
    restored: RestoredRun,
    layers: Sequence[Compressible],
    orders: Sequence[Orders],
    extent: Extent,
    advance: Advance,
) -> list[np.ndarray]:
    """Return the accuracy along every order, (order, step) for each layer."""
    target, measuring = answers(job.store).target, np.flatnonzero(extent.half == 1)
    steps = [extent.n_removed(each.layer)[1:] for each in layers]
    sets = [[without(units[:n]) for n in ns for _, units in order] for ns, order in zip(steps, orders, strict=True)]
    n_right, changes = 0, [np.zeros(len(each)) for each in sets]
    for where, inputs, logits in restored.read(measuring):
        right = logits.argmax(axis=1) == target[where]
        n_right += int(right.sum())
        for each, ablations, change in zip(layers, sets, changes, strict=True):
            effect = sweep(each.ablater, inputs, ablations, baseline=logits, target=target[where], advance=advance)
            change += _gained(effect, right, target[where], len(ablations))
    return [
        np.column_stack([np.full(len(order), n_right), n_right + change.reshape(len(ns), len(order)).T])
        / max(1, len(measuring))
        for order, ns, change in zip(orders, steps, changes, strict=True)
    ]


def _gained(effect: Effect, right: np.ndarray, target: np.ndarray, n_ablations: int) -> np.ndarray:
    """Count the images that each ablation gains, minus those that it loses, (ablation,)."""
    now = effect.flip_prediction == target[effect.flip_image]
    change = now.astype(np.float64) - right[effect.flip_image]
    return np.bincount(effect.flip_unit, weights=change, minlength=n_ablations)
