"""Checks of the statistics of drops: they follow from the flips, and the layers' measures follow from them."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.measures.drop_evidence import Evidence, evidence
from precompute.measures.false_discovery import discrete_false_discovery
from precompute.measures.log_prob_tests import wilcoxon
from precompute.measures.maxdrop import max_drop_test, takes_part
from precompute.measures.paired import FlipTable, PairedCounts, drop_interval, flip_rate, mcnemar_attainable
from precompute.measures.selectivity import class_means
from precompute.measures.table import measure_name
from precompute.store.checks.effects import read_flips
from precompute.store.checks.frame import ANSWERS, answers
from precompute.store.checks.rules import Problem, Rule, agree, blocks, instances
from precompute.store.renamed import earlier

_GROUP = "/experiments/statistics"
_OF_ALL_CLASSES = ("max_drop", "max_drop_class", "max_drop_expected", "max_drop_ceiling")
_CHANGED_RULES = (*_OF_ALL_CLASSES, "max_drop_q", "overall_q", "overall_low", "overall_high")
"""What follows from the flips in another way in stores of earlier versions."""
# A correlation of nearly opposite or nearly constant halves differs between machines.
_NOT_RECOMPUTED = "reliability"

Compute = Callable[[], NDArray[Any]]


def rules(file: h5py.File, *, as_measures: Mapping[str, str]) -> Iterator[Rule]:
    """List the rules for the statistics of a store.

    Parameters
    ----------
    file : h5py.File
        The store.
    as_measures : mapping
        For each measure, the dataset of the experiment that it equals.
    """
    yield Rule((*ANSWERS, f"{_GROUP}/set_apart"), partial(_set_apart, file))
    yield Rule((*ANSWERS, f"{_GROUP}/half"), partial(_halves, file))
    for base in instances(file, f"{_GROUP}/layers/<layer>/ablation/<kind>"):
        yield from _rules_of_flips(file, base)
        yield from _rules_of_changes(file, base)
        yield from _rules_of_measures(file, base, as_measures)


# From flips


def _rules_of_flips(file: h5py.File, base: str) -> Iterator[Rule]:
    effect = base.removeprefix(_GROUP)
    flips = tuple(f"{effect}/flip/{part}" for part in ("indptr", "image", "prediction"))
    needs = (*ANSWERS, *flips, f"{_GROUP}/half", f"{_GROUP}/set_apart")
    found = cache(partial(_evidence, file, effect))
    found_earlier = cache(lambda: _by_earlier_rules(file, found()))
    for path in _held(file, base):
        yield Rule((path, *needs), partial(_follows_from_flips, file, path, found, found_earlier))


def _held(file: h5py.File, base: str) -> list[str]:
    """List the datasets of an ablation; none where there is no group."""
    group = file.get(base)
    return [f"{base}/{name}" for name in group] if isinstance(group, h5py.Group) else []


def _evidence(file: h5py.File, effect: str) -> Evidence:
    unit, image, prediction = read_flips(file, f"{effect}/flip")
    flips = FlipTable(unit, image, prediction, len(file[f"{effect}/flip/indptr"]) - 1)
    return evidence(flips, answers(file), file[f"{_GROUP}/half"][...], file[f"{_GROUP}/set_apart"][...] == 0)


def _follows_from_flips(
    file: h5py.File, path: str, found: Callable[[], Evidence], found_earlier: Callable[[], dict[str, NDArray[Any]]]
) -> Iterator[Problem]:
    name = path.rpartition("/")[2]
    name = next((now for now in found().arrays if earlier(now) == name), name)
    expected = found().arrays.get(name)
    if expected is None or name == _NOT_RECOMPUTED:
        return
    held = file[path][...]
    if not _agree(held, expected) and not (name in _CHANGED_RULES and _agree(held, found_earlier()[name])):
        yield Problem(path, "the values do not follow from the flips")


def _by_earlier_rules(file: h5py.File, found: Evidence) -> dict[str, NDArray[Any]]:
    """Return what earlier versions stored.

    The largest drops were those of the classes that are not set apart, each interval of an overall drop held by itself,
    and tau of the q-values was one of the observed p-values.
    """
    counts, taking = found.counts, file[f"{_GROUP}/set_apart"][...] == 0
    of_some = max_drop_test(PairedCounts(counts.lost, counts.gained, np.where(taking, counts.count, 0)))
    lost, gained = counts.lost.sum(axis=1), counts.gained.sum(axis=1)
    low, high = drop_interval(lost, gained, counts.count.sum())
    attainable = [mcnemar_attainable(n) for n in (lost + gained).tolist()]
    p, overall_p = found.test.p, found.arrays["overall_p"]
    return {
        **dict(zip(_OF_ALL_CLASSES, (of_some.largest, of_some.worst, of_some.expected, of_some.ceiling), strict=True)),
        "max_drop_q": discrete_false_discovery(p, found.test.attainable, tau_among=p),
        "overall_q": discrete_false_discovery(overall_p, attainable, tau_among=overall_p),
        "overall_low": low,
        "overall_high": high,
    }


def _set_apart(file: h5py.File) -> Iterator[Problem]:
    before = answers(file)
    if not np.array_equal(file[f"{_GROUP}/set_apart"][...] == 0, takes_part(before.correct, before.count)):
        yield Problem(f"{_GROUP}/set_apart", "other classes have an accuracy below 0.1, or no images")


def _halves(file: h5py.File) -> Iterator[Problem]:
    label, half = file["/images/label"][...], file[f"{_GROUP}/half"][...]
    sizes = [np.bincount(label[half == number], minlength=label.max(initial=0) + 1) for number in (0, 1)]
    if (np.abs(sizes[0] - sizes[1]) > 1).any():
        yield Problem(f"{_GROUP}/half", "the halves of a class differ by more than one image")


# From changes of log-probability


def _rules_of_changes(file: h5py.File, base: str) -> Iterator[Rule]:
    change, mean, p = f"{base.removeprefix(_GROUP)}/log_prob_change", f"{base}/log_prob_change", f"{base}/log_prob_p"
    if change in file and mean in file:
        yield Rule((*ANSWERS, change, mean), partial(_means, file, change, mean))
    if change in file and p in file:
        yield Rule((*ANSWERS, change, p), partial(_some_p, file, change, p))


def _means(file: h5py.File, change: str, path: str) -> Iterator[Problem]:
    before = answers(file)
    parts = (class_means(part.astype(np.float32), before.label, before.n_classes) for part in blocks(file[change]))
    if not _agree(file[path][...], np.concatenate(list(parts)), atol=1e-4):
        yield Problem(path, "the values do not follow from the changes of log-probability")


def _some_p(file: h5py.File, change: str, path: str) -> Iterator[Problem]:
    """Compute the p-values of three units again; all units would take as long as the experiment."""
    before, n_units = answers(file), len(file[path])
    for unit in sorted({0, n_units // 2, n_units - 1} if n_units else ()):
        expected = wilcoxon(file[change][unit][None].astype(np.float32), before.label, before.n_classes)[0]
        if not _agree(file[path][unit], expected):
            yield Problem(path, f"the values of unit {unit} do not follow from the changes of log-probability")


# Measures of the layer


def _rules_of_measures(file: h5py.File, base: str, as_measures: Mapping[str, str]) -> Iterator[Rule]:
    layer, kind = base.split("/")[4], base.split("/")[6]
    for measure, name in as_measures.items():
        path, of = (
            _present(file, at) for at in (f"/layers/{layer}/measure/{measure_name(measure, kind)}", f"{base}/{name}")
        )
        if path in file and of in file:
            yield Rule((path, of), partial(_same, file, path, of))
    rate = f"/layers/{layer}/measure/{measure_name('flip_rate', kind)}"
    if rate in file:
        flips = f"/layers/{layer}/ablation/{kind}/flip"
        yield Rule((rate, f"{flips}/indptr", "/images/path"), partial(_rate, file, rate, flips))


def _present(file: h5py.File, path: str) -> str:
    return path if path in file else earlier(path)


def _same(file: h5py.File, path: str, of: str) -> Iterator[Problem]:
    if not _agree(file[path][...], file[of][...]):
        yield Problem(path, f"the values are not those of {of}")


def _rate(file: h5py.File, path: str, flips: str) -> Iterator[Problem]:
    unit, image, prediction = read_flips(file, flips)
    table = FlipTable(unit, image, prediction, len(file[f"{flips}/indptr"]) - 1)
    if not agree(file[path][...], flip_rate(table, len(file["/images/path"]))):
        yield Problem(path, "the values do not follow from the flips")


def _agree(held: NDArray[Any], expected: NDArray[Any], *, atol: float = 1e-7) -> bool:
    """Whether numbers agree up to rounding, including small p-values, which an absolute bound would not compare."""
    if held.dtype == np.float64:
        atol = 1e-14
    return held.shape == expected.shape and np.allclose(held, expected, rtol=1e-5, atol=atol, equal_nan=True)
