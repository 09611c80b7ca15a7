"""How far the drops of a store are more than chance: from its flips and changes of log-probability alone."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from precompute.experiments.job import Advance, Arrays, Findings, Job, Prepared
from precompute.measures.drops import Answers
from precompute.measures.halves import halves, held_out_drop, reliability
from precompute.measures.maxdrop import max_drop_test, takes_part
from precompute.measures.multiplicity import false_discovery
from precompute.measures.paired import PairedCounts, drop_interval, mcnemar, paired_counts
from precompute.measures.selectivity import class_means
from precompute.measures.shifts import wilcoxon
from precompute.measures.table import named
from precompute.store.answers import answers, flip_table
from precompute.store.layer import Layer
from precompute.store.reader import Store

_BLOCK_BYTES = 2**26
_AS_MEASURES = {
    "max_class_drop_p": "max_drop_p",
    "max_class_drop_q": "max_drop_q",
    "max_class_drop_noise": "max_drop_expected",
    "max_class_drop_ceiling": "max_drop_noise",
    "held_out_drop": "held_out_drop",
    "held_out_drop_class": "held_out_class",
    "drop_reliability": "reliability",
}


@dataclass(frozen=True, eq=False)
class _Frame:
    """What all layers share: the answers, the halves of the images, the classes that can show a drop."""

    before: Answers
    half: np.ndarray
    taking: np.ndarray


def prepare(job: Job) -> Prepared:
    """Make the statistics of every layer and kind of ablation ready; see `precompute.experiments.table`."""
    frame = _frame(job.store, job.seed)
    ablated = [(layer, kind) for layer in job.layers for kind in layer.ablations]
    n_units = sum(layer.n_units for layer, _ in ablated)

    def run(advance: Advance) -> Findings:
        arrays = {"half": frame.half, "set_apart": (~frame.taking).astype(np.int32)}
        measures: dict[str, Arrays] = {layer.name: {} for layer, _ in ablated}
        for layer, kind in ablated:
            found = _counted(frame, layer, kind) | _shifted(frame, layer, kind)
            arrays |= {f"layers/{layer.name}/ablation/{kind}/{name}": values for name, values in found.items()}
            measures[layer.name] |= _measures(frame, layer, kind, found)
            advance(layer.n_units)
        return Findings(arrays, measures)

    per_unit = 5 * 8 * frame.before.n_classes + 12 * 8
    seconds = _seconds(frame, *ablated[0]) * n_units if ablated else 0.0
    return Prepared(seconds, n_units * per_unit, n_units, "units", run)


def _frame(store: Store, seed: int) -> _Frame:
    before = answers(store)
    return _Frame(before, halves(before.label, seed=seed), takes_part(before.correct, before.count))


def _seconds(frame: _Frame, layer: Layer, kind: str) -> float:
    """Time the slowest part on one unit."""
    started = perf_counter()
    change = layer.log_prob_change(kind, 0)
    if change is not None:
        wilcoxon(change[None], frame.before.label, frame.before.n_classes)
    return perf_counter() - started


def _measures(frame: _Frame, layer: Layer, kind: str, found: Arrays) -> Arrays:
    """Return what is one number per unit and worth picking, by the names of measures."""
    n_images = len(frame.before.label)
    rate = np.array([len(layer.flips(kind, unit).image) for unit in range(layer.n_units)]) / n_images
    chosen = {measure: found[name] for measure, name in _AS_MEASURES.items()} | {"flip_rate": rate}
    return {named(measure, kind): values for measure, values in chosen.items()}


# From flips


def _counted(frame: _Frame, layer: Layer, kind: str) -> Arrays:
    flips = flip_table(layer, kind)
    counts = paired_counts(flips, frame.before)
    first, second = (paired_counts(flips, frame.before, frame.half == half) for half in (0, 1))
    test = max_drop_test(counts, frame.taking)
    return {
        "lost": counts.lost,
        "gained": counts.gained,
        "mcnemar_p": mcnemar(counts.lost, counts.gained),
        "class_p": test.class_p,
        "max_drop": test.largest,
        "max_drop_class": test.worst,
        "max_drop_expected": test.expected,
        "max_drop_noise": test.ceiling,
        "max_drop_p": test.p,
        "max_drop_q": false_discovery(test.p),
        "reliability": reliability(_profile(frame, first), _profile(frame, second)),
        **_held_out(frame, first, second),
    }


def _held_out(frame: _Frame, first: PairedCounts, second: PairedCounts) -> Arrays:
    found = held_out_drop(_profile(frame, first), second)
    low, high = drop_interval(found.lost, found.gained, found.count)
    return {
        "held_out_class": found.chosen,
        "held_out_drop": found.drop,
        "held_out_low": low,
        "held_out_high": high,
        "held_out_lost": found.lost,
        "held_out_gained": found.gained,
        "held_out_images": found.count,
    }


def _profile(frame: _Frame, counts: PairedCounts) -> np.ndarray:
    """Return the drops of the classes that can show one, NaN for the others."""
    return np.where(frame.taking, counts.drop, np.nan)


# From changes of log-probability


def _shifted(frame: _Frame, layer: Layer, kind: str) -> Arrays:
    """Return the mean change of every class and its p-value; nothing where the store lacks the changes."""
    means, p = [], []
    for change in _changes(frame, layer, kind):
        means.append(class_means(change, frame.before.label, frame.before.n_classes))
        p.append(wilcoxon(change, frame.before.label, frame.before.n_classes))
    return {"log_prob_change": np.concatenate(means), "log_prob_p": np.concatenate(p)} if means else {}


def _changes(frame: _Frame, layer: Layer, kind: str) -> Iterator[np.ndarray]:
    step = max(1, _BLOCK_BYTES // (8 * max(1, len(frame.before.label))))
    for start in range(0, layer.n_units, step):
        rows = [layer.log_prob_change(kind, unit) for unit in range(start, min(start + step, layer.n_units))]
        if rows[0] is None:
            return
        yield np.stack([row for row in rows if row is not None])
