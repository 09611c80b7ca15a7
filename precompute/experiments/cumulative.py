"""How accuracy falls as units are removed one after another, in several orders."""

from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import numpy as np

from precompute.ablation.ablations import Ablater, Ablation
from precompute.ablation.choose import make_ablater
from precompute.errors import ModelError, OptionError
from precompute.experiments.job import Advance, Arrays, Findings, Job, Prepared
from precompute.experiments.reading import answers, flip_table
from precompute.experiments.subject import Subject, find_subject
from precompute.experiments.tally import Tally
from precompute.measures.halves import halves
from precompute.measures.paired import paired_counts
from precompute.measures.table import is_class_valued
from precompute.models.device import exact_float32
from precompute.models.sites import find_site, list_sites
from precompute.stages.ablation import sweep
from precompute.store.layer import Layer

N_RANDOM = 20
_FEWEST_STEPS = 8
_TIMED_SHARES = (0.1, 0.3, 0.6, 0.9)
_TIMED_ORDERS = 6


@dataclass(frozen=True, eq=False)
class _Removal:
    """The orders of one layer, and the steps at which accuracy is measured.

    Parameters
    ----------
    layer
        The layer.
    ablater
        What runs the network without some of its units.
    score
        (unit,) what the units are ranked by.
    order
        (order, unit): most important first, least important first, then random ones.
    n_removed
        (step,) how many units are removed, from 0 to all.
    seconds
        Of one ablation on one image, about.
    """

    layer: Layer
    ablater: Ablater
    score: np.ndarray
    order: np.ndarray
    n_removed: np.ndarray
    seconds: float

    def ablations(self) -> list[Ablation]:
        """List the sets of units: step by step, in each the orders; no units and all units are no order's own."""
        sets = [order[:n] for n in self.n_removed[1:-1] for order in self.order] + [self.order[0]]
        return [_without(units) for units in sets]


def _without(units: np.ndarray) -> Ablation:
    # Sorted, so that a set gives the same numbers to the last bit however it came about.
    return Ablation(tuple(sorted(units.tolist())), (0.0,) * len(units))


def prepare(job: Job) -> Prepared:
    """Make the curves of every layer ready; see `precompute.experiments.table`."""
    for layer in job.layers:
        _refuse_measure(layer, job.options.by)
    with exact_float32():
        subject = find_subject(job.store, job.options)
        half = divided(np.asarray(job.store.images.label), job.options.images_per_class, seed=job.seed)
        removals = [_removal(job, subject, layer, half) for layer in job.layers]
    budget = 60 * job.options.minutes
    removals, half, reduced = _within(job, removals, half, budget)
    n_steps = sum(len(removal.ablations()) for removal in removals) * int((half == 1).sum())
    return Prepared(
        seconds=_seconds(removals, half),
        bytes=sum(_bytes(removal, len(job.store.classes)) for removal in removals),
        steps=n_steps,
        unit="ablated images",
        run=partial(_run, job, subject, removals, half),
        reduced=reduced,
    )


# What is removed, and when


def _refuse_measure(layer: Layer, by: str | None) -> None:
    """Refuse a measure that cannot rank the units of a layer."""
    usable = [
        name for name, held in layer.measures.items() if not is_class_valued(name) and not _undefined(held.values)
    ]
    if by is not None and by not in usable:
        reason = "names no order of its units" if by in layer.measures else "is none of its measures"
        raise OptionError(f"--by {by}: {layer.name} cannot be ranked by it, it {reason}. Use {', '.join(usable)}.")


def _undefined(values: np.ndarray) -> bool:
    return bool(np.isnan(values).all())


def divided(label: np.ndarray, per_class: int | None, *, seed: int) -> np.ndarray:
    """Divide images into those to rank units on and those to measure accuracy on.

    Parameters
    ----------
    label
        (image,) class of each image.
    per_class
        Use so many images of each class, spread evenly over it; all where None.
    seed
        Of the halves.

    Returns
    -------
    np.ndarray
        (image,) int32: 0 to rank on, 1 to measure on, -1 for images that are not used.
    """
    used = np.arange(len(label))
    if per_class is not None:
        of_class = [np.flatnonzero(label == c) for c in np.unique(label)]
        counts = [min(per_class, len(found)) for found in of_class]
        used = np.concatenate(
            [found[np.arange(n) * len(found) // n] for found, n in zip(of_class, counts, strict=True)]
        )
    half = np.full(len(label), -1, dtype=np.int32)
    half[used] = halves(label[used], seed=seed)
    return half


def _removal(job: Job, subject: Subject, layer: Layer, half: np.ndarray) -> _Removal:
    network = subject.model.network
    site = find_site(list_sites(network, subject.probe[:2]), layer.name)
    if site.n_units != layer.n_units:
        raise ModelError(
            f"{layer.name} has {layer.n_units} units in the store and {site.n_units} in {subject.model.spec}. "
            "Name the network that the store was made with by --model."
        )
    ablater, _ = make_ablater(network, site, subject.probe[:8].to(subject.device), batch_size=subject.batch_size)
    score = _score(job, layer, half)
    order = orders(score, seed=job.seed)
    return _Removal(
        layer=layer,
        ablater=ablater,
        score=score,
        order=order,
        n_removed=np.arange(layer.n_units + 1),
        seconds=_time(subject, ablater, order),
    )


def _score(job: Job, layer: Layer, half: np.ndarray) -> np.ndarray:
    """Return what units are ranked by: a measure, or the overall drop of each alone on the first half."""
    if job.options.by is not None:
        return np.asarray(layer.measures[job.options.by].values, dtype=np.float64)
    counts = paired_counts(flip_table(layer, layer.ablations[0]), answers(job.store), half == 0)
    return (counts.lost - counts.gained).sum(axis=1) / max(1, int(counts.count.sum()))


def orders(score: np.ndarray, *, seed: int) -> np.ndarray:
    """Order units by a score, highest first and lowest first, and at random.

    Parameters
    ----------
    score
        (unit,), NaN where undefined, which ranks lowest. Equal scores are ordered at random, the two ways alike.
    seed
        Of the random orders.

    Returns
    -------
    np.ndarray
        (order, unit): highest first, its reverse, then `N_RANDOM` random ones.
    """
    rng = np.random.default_rng(seed)
    most = np.lexsort((rng.permutation(len(score)), -np.where(np.isnan(score), -np.inf, score)))
    return np.stack([most, most[::-1], *(rng.permutation(len(score)) for _ in range(N_RANDOM))])


# What it costs


def _time(subject: Subject, ablater: Ablater, order: np.ndarray) -> float:
    """Time some sets of units on some images; more are done faster together, so this is an upper bound."""
    n_units = order.shape[1]
    sizes = [max(1, int(share * n_units)) for share in _TIMED_SHARES]
    ablations = [_without(units[:size]) for size in sizes for units in order[:_TIMED_ORDERS]]
    list(ablater.sweep(subject.probe[:2], ablations[:2]))  # the first pass of a network is slow
    started = perf_counter()
    list(ablater.sweep(subject.probe, ablations))
    return (perf_counter() - started) / (len(ablations) * len(subject.probe))


def _seconds(removals: list[_Removal], half: np.ndarray) -> float:
    n_images = int((half == 1).sum())
    return sum(removal.seconds * len(removal.order) * (len(removal.n_removed) - 1) * n_images for removal in removals)


def _bytes(removal: _Removal, n_classes: int) -> float:
    return removal.order.size * 4 + len(removal.order) * len(removal.n_removed) * (2 + 2 * n_classes) * 4


def _within(
    job: Job, removals: list[_Removal], half: np.ndarray, budget: float
) -> tuple[list[_Removal], np.ndarray, str | None]:
    """Take fewer steps, and where the fewest are too many also fewer images, to stay within a time."""
    full = _seconds(removals, half)
    if full <= budget:
        return removals, half, None
    removals = [replace(removal, n_removed=steps(removal.layer.n_units, budget / full)) for removal in removals]
    told = f"In full this would take {full / 60:.0f} min. To stay within {budget / 60:g} min, accuracy is measured at "
    told += f"{', '.join(str(len(removal.n_removed)) for removal in removals)} numbers of removed units"
    left = _seconds(removals, half)
    if left <= budget:
        return removals, half, told + "; --max-minutes allows more."
    label = np.asarray(job.store.images.label)
    most = int(np.bincount(label[half >= 0]).max())
    per_class = max(2, int(most * budget / left))
    half = divided(label, per_class, seed=job.seed)
    removals = [_ranked_again(job, removal, half) for removal in removals]
    return removals, half, told + f" and on {per_class} images of each class, half of them to rank the units on."


def _ranked_again(job: Job, removal: _Removal, half: np.ndarray) -> _Removal:
    score = _score(job, removal.layer, half)
    return replace(removal, score=score, order=orders(score, seed=job.seed))


def steps(n_units: int, share: float) -> np.ndarray:
    """Choose at how many removed units to measure.

    Parameters
    ----------
    n_units
        Units of the layer.
    share
        Which share of all numbers can be afforded; a few are kept in any case.

    Returns
    -------
    np.ndarray
        (step,) rising from 0 to all, evenly.
    """
    n_steps = min(n_units, max(_FEWEST_STEPS, int(n_units * share)))
    return np.unique(np.rint(np.linspace(0, n_units, n_steps + 1)).astype(np.int64))


# The work


def _run(job: Job, subject: Subject, removals: list[_Removal], half: np.ndarray, advance: Advance) -> Findings:
    before = answers(job.store)
    output_index = np.asarray(job.store.classes.output_index)
    work = [(removal, removal.ablations()) for removal in removals]
    tallies = [Tally(len(ablations), output_index) for _, ablations in work]
    with exact_float32():
        for where, inputs, logits in subject.read(np.flatnonzero(half == 1)):
            for (removal, ablations), tally in zip(work, tallies, strict=True):
                target = before.target[where]
                effect = sweep(removal.ablater, inputs, ablations, baseline=logits, target=target, advance=advance)
                tally.add(effect, before.label[where], logits.argmax(axis=1))
    arrays: Arrays = {"half": half}
    for removal, tally in zip(removals, tallies, strict=True):
        found = _curves(removal, tally)
        arrays |= {f"layers/{removal.layer.name}/{name}": values for name, values in found.items()}
    return Findings(arrays)


def _curves(removal: _Removal, tally: Tally) -> Arrays:
    row = _rows(len(removal.order), len(removal.n_removed))
    accuracy, balanced = tally.accuracy()[row], tally.balanced()[row]
    share = removal.n_removed / removal.n_removed[-1]
    return {
        "score": removal.score,
        "ranking": np.array(["most", "least", *["random"] * N_RANDOM]),
        "unit": removal.order,
        "n_removed": removal.n_removed,
        "accuracy": accuracy,
        "balanced": balanced,
        "class_accuracy": tally.class_accuracy()[row],
        "class_balanced": tally.class_balanced()[row],
        "area": np.trapezoid(accuracy, share, axis=1),
        "balanced_area": np.trapezoid(balanced, share, axis=1),
    }


def _rows(n_orders: int, n_steps: int) -> np.ndarray:
    """Return the row of the tally at each order and step: (order, step)."""
    row = np.empty((n_orders, n_steps), dtype=np.int64)
    row[:, 0] = 0
    row[:, 1:-1] = 1 + np.arange((n_steps - 2) * n_orders).reshape(n_steps - 2, n_orders).T
    row[:, -1] = 1 + (n_steps - 2) * n_orders
    return row
