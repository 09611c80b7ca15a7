"""Test whether the drops of a store are more than chance; from its flips and changes of log-probability alone."""

from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np

from precompute.experiments.protocol import Advance, Arrays, Findings, Job, Prepared
from precompute.experiments.timing import seconds_a_row
from precompute.measures.drop_evidence import evidence
from precompute.measures.drops import Answers
from precompute.measures.false_discovery import false_discovery
from precompute.measures.halves import halves
from precompute.measures.log_prob_tests import less_certain, signed_ranks, wilcoxon
from precompute.measures.maxdrop import MaxDropTest, takes_part
from precompute.measures.paired import FlipTable, PairedCounts, flip_rate, paired_counts
from precompute.measures.power import found_share
from precompute.measures.quoted import quoted_drop
from precompute.measures.selectivity import class_means
from precompute.measures.table import measure_name
from precompute.store.answers import answers
from precompute.store.experiments.statistics import AS_MEASURES
from precompute.store.layer import Layer
from precompute.store.reader import Store

_CALLED = 0.05
_TRUE_DROPS = (0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12, 0.16, 0.2, 0.25, 0.3, 0.4, 0.5)


@dataclass(frozen=True, eq=False)
class _Shared:
    """What all layers share: the answers, the halves of the images, and the classes that can show a drop."""

    before: Answers
    half: np.ndarray
    taking: np.ndarray


def prepare(job: Job) -> Prepared:
    """Prepare the statistics of every layer and kind of ablation."""
    shared = _shared(job.store, job.seed)
    ablated = [(layer, kind) for layer in job.layers for kind in layer.ablations]
    n_units = sum(layer.n_units for layer, _ in ablated)

    def run(advance: Advance) -> Findings:
        arrays = {"half": shared.half, "set_apart": (~shared.taking).astype(np.int32)}
        measures: dict[str, Arrays] = {layer.name: {} for layer, _ in ablated}
        for layer, kind in ablated:
            flips = layer.flip_table(kind)
            found = _counted(shared, flips) | _shifted(shared, layer, kind)
            arrays |= {f"layers/{layer.name}/ablation/{kind}/{name}": values for name, values in found.items()}
            measures[layer.name] |= _measures(kind, found, flip_rate(flips, len(shared.before.label)))
            advance(layer.n_units)
        return Findings(arrays, measures)

    per_unit = 5 * 8 * shared.before.n_classes + 30 * 8
    each, once = _seconds(shared, *ablated[0]) if ablated else (0.0, 0.0)
    seconds = each * n_units + once * len(ablated)
    return Prepared(seconds, n_units * per_unit, n_units, "units", run)


def _shared(store: Store, seed: int) -> _Shared:
    before = answers(store)
    return _Shared(before, halves(before.label, seed=seed), takes_part(before.correct, before.count))


def _seconds(shared: _Shared, layer: Layer, kind: str) -> tuple[float, float]:
    """Time the slowest parts; return the seconds of one unit's tests, and of a layer's drops to quote.

    The drops to quote are timed for the first unit alone, and counted once for each layer and kind of ablation.
    """
    sizes = [size for size in (1, 2, 4, 8, 16, 32) if size <= layer.n_units]
    tests = partial(_time_tests, shared, layer, kind)
    a_unit = 0.0
    if layer.log_prob_change(kind, 0) is not None:
        tests(1)  # the first time is slow
        a_unit = seconds_a_row(partial(tests, size) for size in sizes)
    first = _first_unit(paired_counts(layer.flip_table(kind), shared.before))
    return a_unit, min(_time_quoted(shared, first) for _ in range(2))


def _time_tests(shared: _Shared, layer: Layer, kind: str, n_units: int) -> int:
    change = layer.log_prob_change(kind, slice(0, n_units))
    wilcoxon(np.asarray(change), shared.before.label, shared.before.n_classes)
    return n_units


def _time_quoted(shared: _Shared, counts: PairedCounts) -> float:
    started = perf_counter()
    quoted_drop(counts, shared.taking)
    return perf_counter() - started


def _first_unit(counts: PairedCounts) -> PairedCounts:
    return PairedCounts(counts.lost[:1], counts.gained[:1], counts.count)


def _measures(kind: str, found: Arrays, rate: np.ndarray) -> Arrays:
    """Return the measures: one number per unit that a reader may choose, by the names of measures."""
    chosen = {measure: found[name] for measure, name in AS_MEASURES.items() if name in found}
    chosen["flip_rate"] = rate
    return {measure_name(measure, kind): values for measure, values in chosen.items()}


# From flips


def _counted(shared: _Shared, flips: FlipTable) -> Arrays:
    found = evidence(flips, shared.before, shared.half, shared.taking)
    return found.arrays | _quoted(shared, found.counts) | _power(shared, found.counts, found.test)


def _power(shared: _Shared, counts: PairedCounts, test: MaxDropTest) -> Arrays:
    drops = np.array(_TRUE_DROPS)
    if not shared.taking.any():
        return {"true_drop": drops, "found_share": np.full(len(drops), np.nan)}
    return {"true_drop": drops, "found_share": found_share(counts, test, shared.taking, drops, level=_CALLED)}


def _quoted(shared: _Shared, counts: PairedCounts) -> Arrays:
    found = quoted_drop(counts, shared.taking)
    return {
        "quoted_class": found.chosen,
        "quoted_drop": found.drop,
        "quoted_low": found.low,
        "quoted_high": found.high,
        "named_class": found.named,
        "named_probability": found.probability,
    }


# From changes of log-probability


def _shifted(shared: _Shared, layer: Layer, kind: str) -> Arrays:
    """Return the mean change of every class and its p-value; nothing where the store lacks the changes."""
    means, tests = [], []
    for change in layer.log_prob_changes(kind):
        means.append(class_means(change, shared.before.label, shared.before.n_classes))
        tests.append(signed_ranks(change, shared.before.label, shared.before.n_classes))
    if not means:
        return {}
    change = np.concatenate(means)
    p, lean = (np.concatenate(parts) for parts in zip(*tests, strict=True))
    return {"log_prob_change": change, "log_prob_p": p, **_certainty(change, lean, p)}


def _certainty(change: np.ndarray, lean: np.ndarray, p: np.ndarray) -> Arrays:
    """Test for every unit whether the images of some class become less certain without it."""
    smallest, worst = less_certain(change, lean, p)
    return {"certainty_p": smallest, "certainty_q": false_discovery(smallest), "certainty_class": worst}
