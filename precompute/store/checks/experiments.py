"""What experiments found: as far as it follows from the rest of the store, or from itself."""

from collections.abc import Iterator, Sequence
from functools import partial

import h5py
import numpy as np

from precompute.store.checks.form import instances, names
from precompute.store.checks.frame import ANSWERS, answers
from precompute.store.checks.rules import Problem, Rule, in_units, is_json_object
from precompute.store.experiment_schema import NAMES
from precompute.store.facts import read_fact
from precompute.store.schema import entries_with

_STATISTICS = "/experiments/statistics"
_CUMULATIVE = "/experiments/cumulative"
_COMPRESSION = "/experiments/compression"
_DISSECTION = "/experiments/dissection"
_ENTROPY = "/experiments/entropy"
# Experiments with curves along orders and steps: which of them are shares of images, and which are not.
_CURVES = (
    (_CUMULATIVE, ("accuracy", "balanced", "class_accuracy", "class_balanced"), ()),
    (_ENTROPY, ("accuracy",), ("loss",)),
)
# Of experiments that may leave images out, those are of the half -1.
_LEAST_HALF = {"statistics": 0, "selectivity": 0, "cumulative": -1, "compression": -1, "entropy": -1, "responses": -1}
# Smallest and largest value of what an experiment found, by its unit of measurement.
_BOUNDS = {
    "probability": (0.0, 1.0),
    "fraction": (-1.0, 1.0),
    "correlation": (-1.0, 1.0),
    "yes/no": (0.0, 1.0),
    "role": (0.0, 4.0),
}


def rules(file: h5py.File) -> Iterator[Rule]:
    """List what must hold for the experiments that the store has."""
    for name in set(names(file, "/experiments")).intersection(NAMES):
        yield Rule((f"/experiments/{name}",), partial(_facts, file, f"/experiments/{name}"))
        yield Rule((), partial(_layers, file, f"/experiments/{name}/layers"))
    for name, least in _LEAST_HALF.items():
        half = f"/experiments/{name}/half"
        if half in file:
            yield Rule((half,), partial(_halves, file, half, least))
    for entry in entries_with(names(file, "/experiments")):
        if entry.path.startswith("/experiments/") and entry.unit in _BOUNDS:
            for path in filter(file.__contains__, instances(file, entry.path)):
                yield Rule((path,), partial(_between, file, path, _BOUNDS[entry.unit]))
    for base in instances(file, f"{_STATISTICS}/layers/<layer>/ablation/<kind>"):
        correct = base.removeprefix(_STATISTICS) + "/correct"
        yield Rule((*ANSWERS, correct, f"{base}/lost", f"{base}/gained"), partial(_discordant, file, base, correct))
    yield from _of_dissection(file)
    yield from _of_other_orders(file)
    for experiment, shares, others in _CURVES:
        for base in instances(file, f"{experiment}/layers/<layer>"):
            yield from _removal_rules(file, base, shares, others)


def _removal_rules(file: h5py.File, base: str, shares: Sequence[str], others: Sequence[str]) -> Iterator[Rule]:
    """List what must hold where units are removed step by step: of curves that are shares of images, and others."""
    yield Rule((f"{base}/unit",), partial(_orders, file, f"{base}/unit"))
    yield Rule((f"{base}/n_removed", f"{base}/unit"), partial(_steps, file, base))
    for name in shares:
        yield Rule((f"{base}/{name}",), partial(_between, file, f"{base}/{name}", (0.0, 1.0)))
    for name in (*shares, *others):
        yield Rule((f"{base}/{name}",), partial(_ends, file, f"{base}/{name}"))


def _of_other_orders(file: h5py.File) -> Iterator[Rule]:
    """List what must hold of orders whose curves need not meet where they end."""
    for base in instances(file, f"{_COMPRESSION}/layers/<layer>"):
        yield Rule((f"{base}/unit",), partial(_orders, file, f"{base}/unit"))
    for base in instances(file, f"{_CUMULATIVE}/layers/<layer>"):
        if f"{base}/class_ranked" in file:
            yield from _removal_rules(file, f"{base}/class_ranked", (), ())


def _of_dissection(file: h5py.File) -> Iterator[Rule]:
    for base in instances(file, f"{_DISSECTION}/layers/<layer>"):
        concepts = f"{_DISSECTION}/concept"
        yield Rule((concepts, f"{base}/iou"), partial(_overlaps, file, f"{base}/iou", concepts))
        if f"{base}/shown_concept" in file:
            yield Rule((concepts, f"{base}/shown_concept"), partial(_shown, file, f"{base}/shown_concept", concepts))


def _facts(file: h5py.File, path: str) -> Iterator[Problem]:
    for fact in ("options", "versions"):
        if not is_json_object(str(read_fact(file[path], fact))):
            yield Problem(path, f"the fact {fact!r} is not a JSON object")


def _layers(file: h5py.File, path: str) -> Iterator[Problem]:
    for layer in names(file, path):
        if layer not in names(file, "/layers"):
            yield Problem(f"{path}/{layer}", "the store holds no such layer")
            continue
        for kind in names(file, f"{path}/{layer}/ablation"):
            if kind not in names(file, f"/layers/{layer}/ablation"):
                yield Problem(f"{path}/{layer}/ablation/{kind}", "the layer holds no such ablation")


def _halves(file: h5py.File, path: str, least: int) -> Iterator[Problem]:
    half = file[path][...]
    if ((half < least) | (half > 1)).any():
        yield Problem(path, f"expected values from {least} to 1")


def _discordant(file: h5py.File, base: str, correct: str) -> Iterator[Problem]:
    change = answers(file).correct - file[correct][...]
    found = file[f"{base}/lost"][...] - file[f"{base}/gained"][...]
    wrong = (change != found).any(axis=1)
    if wrong.any():
        yield Problem(f"{base}/lost", f"lost minus gained is not what the ablation loses {in_units(wrong)}")


def _between(file: h5py.File, path: str, bounds: tuple[float, float]) -> Iterator[Problem]:
    values, (least, most) = file[path][...], bounds
    count = int(((values < least) | (values > most)).sum())
    if count:
        yield Problem(path, f"{count} values lie outside {least:g} to {most:g}")


def _orders(file: h5py.File, path: str) -> Iterator[Problem]:
    order = file[path][...]
    wrong = (np.sort(order, axis=1) != np.arange(order.shape[1])).any(axis=1)
    if wrong.any():
        yield Problem(path, f"order {int(np.argmax(wrong))} does not name every unit once")


def _steps(file: h5py.File, base: str) -> Iterator[Problem]:
    steps, n_units = file[f"{base}/n_removed"][...], file[f"{base}/unit"].shape[1]
    if len(steps) < 2 or steps[0] != 0 or steps[-1] != n_units or (np.diff(steps) <= 0).any():
        yield Problem(f"{base}/n_removed", f"expected steps that rise from 0 to {n_units}")


def _ends(file: h5py.File, path: str) -> Iterator[Problem]:
    values = file[path][...]
    for step, where in ((0, "with no unit removed"), (-1, "with all units removed")):
        ends = values[:, step]
        if not np.array_equal(ends, np.broadcast_to(ends[:1], ends.shape), equal_nan=True):
            yield Problem(path, f"the orders differ {where}")


def _overlaps(file: h5py.File, path: str, concepts: str) -> Iterator[Problem]:
    yield from _between(file, path, (0.0, 1.0))
    n_concepts, found = len(file[concepts]), file[path].shape[1]
    if found != n_concepts:
        yield Problem(path, f"expected {n_concepts} along the axis 'concept', found {found}")


def _shown(file: h5py.File, path: str, concepts: str) -> Iterator[Problem]:
    named = file[path][...]
    if ((named < -1) | (named >= len(file[concepts]))).any():
        yield Problem(path, f"expected indices of the {len(file[concepts])} concepts, or -1")
