"""Cumulative ablation: accuracy as units are removed one after another, in several orders."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from precompute.ablation.ablations import Ablation
from precompute.errors import OptionError
from precompute.experiments.ablation_orders import (
    N_RANDOM,
    orders,
    rows_of_steps,
    seconds_each,
    steps,
    without,
)
from precompute.experiments.accuracy_counts import AccuracyCounts
from precompute.experiments.budget import Cut, fewer_per_class, fit_into_time
from precompute.experiments.cumulative.class_ranking import ClassRanking, RankedClassCounts, rank_for_classes
from precompute.experiments.image_choice import choose_nonempty_halves
from precompute.experiments.protocol import Arrays, Findings, Job, Prepared
from precompute.experiments.restored_run import restore_run
from precompute.experiments.sweeps import AblateAll, Ablated, Listing, Sweeps, SweptNetwork
from precompute.measures.curves import area, withstood
from precompute.measures.paired import paired_counts
from precompute.models.device import exact_float32
from precompute.progress import Stage
from precompute.stages.ablation import Effect
from precompute.store.answers import answers
from precompute.store.layer import Layer


@dataclass(frozen=True, eq=False)
class _LayerOrders:
    """The orders of one layer, and the steps at which accuracy is measured.

    Parameters
    ----------
    layer
        The layer.
    score
        (unit,): the score that ranks the units.
    order
        (order, unit): most important first, least important first, then random orders.
    n_removed
        (step,): how many units are removed, from 0 to all.
    seconds
        About how long one ablation takes on one image.
    for_classes
        Orders for single classes.
    """

    layer: Layer
    score: np.ndarray
    order: np.ndarray
    n_removed: np.ndarray
    seconds: float
    for_classes: ClassRanking

    @property
    def n_sets(self) -> int:
        """Number of sets of units to ablate in the orders for all classes."""
        return len(self.order) * (len(self.n_removed) - 2) + 1

    def listing(self) -> Listing:
        """Return what lists all ablations: those of the orders for all classes, then those for single classes."""
        return partial(_ablations, self.order, self.n_removed, self.for_classes)


def _ablations(order: np.ndarray, n_removed: np.ndarray, for_classes: ClassRanking) -> list[Ablation]:
    """List the ablations step by step, and in each step order by order. All units are removed once, for all orders."""
    sets = [units[:n] for n in n_removed[1:-1] for units in order] + [order[0]]
    return [*(without(units) for units in sets), *for_classes.ablations()]


def prepare(job: Job) -> Prepared:
    """Prepare the curves of every layer."""
    for layer in job.layers:
        _refuse_measure(layer, job.options.by)
    with exact_float32():
        restored = restore_run(job.store, job.options)
        half = choose_nonempty_halves(np.asarray(job.store.images.label), job.options.images_per_class, seed=job.seed)
        network = SweptNetwork.of(restored, job.layers)
        removals = [_removal(job, network, layer, half) for layer in job.layers]
    sweeps = job.workers.sweeps(network, [restored.images])
    seconds = sweeps.shared(_seconds)
    (removals, half), reduced = fit_into_time((removals, half), seconds, job.options.max_minutes, _cuts(job))
    n_sets = sum(removal.n_sets + removal.for_classes.n_sets for removal in removals)
    return Prepared(
        seconds=seconds((removals, half)),
        bytes=sum(_bytes(removal, len(job.store.classes)) for removal in removals),
        steps=n_sets * int((half == 1).sum()),
        unit="ablated images",
        run=partial(_run, job, sweeps, removals, half),
        reduced=reduced,
    )


# What is removed, and when


def _refuse_measure(layer: Layer, by: str | None) -> None:
    """Refuse a measure that cannot rank the units of a layer."""
    usable = [name for name, held in layer.measures.items() if not held.is_index and not _undefined(held.values)]
    if by is not None and by not in usable:
        reason = "gives its units no order" if by in layer.measures else "is none of the layer's measures"
        raise OptionError(
            f"--by {by}: the units of {layer.name} cannot be ranked by it, because it {reason}. "
            f"Use one of {', '.join(usable)}."
        )


def _undefined(values: np.ndarray) -> bool:
    return bool(np.isnan(values).all())


def _removal(job: Job, network: SweptNetwork, layer: Layer, half: np.ndarray) -> _LayerOrders:
    score = _score(job, layer, half)
    order = orders(score, seed=job.seed)
    return _LayerOrders(
        layer=layer,
        score=score,
        order=order,
        n_removed=np.arange(layer.n_units + 1),
        seconds=seconds_each(network.restored, network.ablaters[layer.name], order),
        for_classes=rank_for_classes(job.store, layer, half, job.options.classes),
    )


def _score(job: Job, layer: Layer, half: np.ndarray) -> np.ndarray:
    """Return the score that ranks the units, (unit,): a measure, or the overall drop of each alone on one half."""
    if job.options.by is not None:
        return np.asarray(layer.measures[job.options.by].values, dtype=np.float64)
    counts = paired_counts(layer.flip_table(layer.ablations[0]), answers(job.store), half == 0)
    return counts.overall_drop


# What it costs


Work = tuple[list[_LayerOrders], np.ndarray]
"""What is removed, and the half of each image, (image,)."""


def _seconds(work: Work) -> float:
    removals, half = work
    n_images = int((half == 1).sum())
    return sum(removal.seconds * (removal.n_sets + removal.for_classes.n_sets) * n_images for removal in removals)


def _bytes(removal: _LayerOrders, n_classes: int) -> float:
    common = removal.order.size + len(removal.order) * len(removal.n_removed) * (3 + 2 * n_classes)
    return 4 * (common + 2 * removal.for_classes.order.size + 2 * removal.for_classes.n_sets)


def _cuts(job: Job) -> list[Cut[Work]]:
    """Measure at fewer steps, first for single classes, then for all; if that is not enough, on fewer images."""
    label = np.asarray(job.store.images.label)

    def steps_for_classes(work: Work, _share: float) -> tuple[Work, str]:
        removals = [replace(each, for_classes=each.for_classes.at_fewer_steps()) for each in work[0]]
        return (removals, work[1]), "orders for single classes are measured only at the steps of the published table"

    def steps_for_all(work: Work, share: float) -> tuple[Work, str]:
        removals = [replace(each, n_removed=steps(each.layer.n_units, share)) for each in work[0]]
        counts = ", ".join(str(len(each.n_removed)) for each in removals)
        return (removals, work[1]), f"the others at {counts} numbers of removed units"

    def images(work: Work, share: float) -> tuple[Work, str]:
        per_class = fewer_per_class(label[work[1] >= 0], share)
        half = choose_nonempty_halves(label, per_class, seed=job.seed)
        removals = [_ranked_again(job, each, half) for each in work[0]]
        return (removals, half), f"all on {per_class} images of each class, of which half rank the units"

    return [steps_for_classes, steps_for_all, images]


def _ranked_again(job: Job, removal: _LayerOrders, half: np.ndarray) -> _LayerOrders:
    score = _score(job, removal.layer, half)
    ranking = rank_for_classes(job.store, removal.layer, half, job.options.classes).at_fewer_steps()
    return replace(removal, score=score, order=orders(score, seed=job.seed), for_classes=ranking)


# The work


def _run(job: Job, sweeps: Sweeps, removals: list[_LayerOrders], half: np.ndarray, stage: Stage) -> Findings:
    before = answers(job.store)
    output_index = np.asarray(job.store.classes.output_index)
    all_counts = [AccuracyCounts(removal.n_sets, output_index) for removal in removals]
    all_ranked = [RankedClassCounts(removal.for_classes.own(), output_index) for removal in removals]
    listings = {removal.layer.name: (removal.layer.name, removal.listing()) for removal in removals}
    work = AblateAll(listings, before.target)
    for found in sweeps.over(np.flatnonzero(half == 1), work, stage):
        piece = Ablated.of(found)
        label, prediction = before.label[piece.where], piece.logits.argmax(axis=1)
        for removal, counts, own in zip(removals, all_counts, all_ranked, strict=True):
            effect = piece.effects[removal.layer.name]
            counts.add(_part(effect, 0, removal.n_sets), label, prediction)
            own.add(_part(effect, removal.n_sets, len(effect.log_prob_change)), label, prediction)
    arrays: Arrays = {"half": half}
    for removal, counts, own in zip(removals, all_counts, all_ranked, strict=True):
        ranked = {f"class_ranked/{name}": values for name, values in _class_curves(removal.for_classes, own).items()}
        found = _curves(removal, counts) | ranked
        arrays |= {f"layers/{removal.layer.name}/{name}": values for name, values in found.items()}
    return Findings(arrays)


def _part(effect: Effect, start: int, stop: int) -> Effect:
    """Return the effect of the ablations from `start` to `stop`, numbered from 0."""
    inside = (effect.flip_unit >= start) & (effect.flip_unit < stop)
    return Effect(
        effect.flip_unit[inside] - start,
        effect.flip_image[inside],
        effect.flip_prediction[inside],
        effect.log_prob_change[start:stop],
    )


def _curves(removal: _LayerOrders, counts: AccuracyCounts) -> Arrays:
    row = rows_of_steps(len(removal.order), len(removal.n_removed))
    accuracy, balanced, agreement = counts.accuracy()[row], counts.balanced()[row], counts.agreement()[row]
    share = removal.n_removed / removal.n_removed[-1]
    return {
        "score": removal.score,
        "ranking": np.array(["most", "least", *["random"] * N_RANDOM]),
        "unit": removal.order,
        "n_removed": removal.n_removed,
        "accuracy": accuracy,
        "balanced": balanced,
        "class_accuracy": counts.class_accuracy()[row],
        "class_balanced": counts.class_balanced()[row],
        "area": area(accuracy, removal.n_removed),
        "balanced_area": area(balanced, removal.n_removed),
        "agreement": agreement,
        "prunability": withstood(share, agreement),
    }


def _class_curves(ranking: ClassRanking, own: RankedClassCounts) -> Arrays:
    orders_of_classes = {"class": ranking.classes, "score": ranking.score, "unit": ranking.order}
    return orders_of_classes | {"n_removed": ranking.n_removed} | own.curves(ranking)
