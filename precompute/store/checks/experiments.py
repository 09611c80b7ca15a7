"""Checks of experiments: each belongs to its store, and its numbers are in their ranges."""

from collections.abc import Iterator
from functools import partial

import h5py
import numpy as np

from precompute.store.checks.rules import Problem, Rule, instances, is_json_object, names
from precompute.store.experiments import registry
from precompute.store.experiments.spec import ExperimentSpec, Removal
from precompute.store.facts import read_fact


def rules(file: h5py.File) -> Iterator[Rule]:
    """List the rules for the experiments that the store holds."""
    held = names(file, "/experiments")
    for spec in registry.specs():
        if spec.name in held:
            yield from _rules_of(file, spec)


def _rules_of(file: h5py.File, spec: ExperimentSpec) -> Iterator[Rule]:
    yield Rule((spec.group,), partial(_facts, file, spec.group))
    for layer in names(file, f"{spec.group}/layers"):
        yield Rule((f"/layers/{layer}",), partial(_layer, file, spec.group, layer))
    yield from spec.rules(file)
    for removal in spec.removals:
        for base in instances(file, f"{spec.group}/{removal.path}"):
            if base in file:
                yield from _removal_rules(file, base, removal)


def _removal_rules(file: h5py.File, base: str, removal: Removal) -> Iterator[Rule]:
    """List the rules for datasets of units that are removed one after another."""
    yield Rule((f"{base}/unit",), partial(_orders, file, f"{base}/unit"))
    if removal.to_the_end:
        yield Rule((f"{base}/n_removed", f"{base}/unit"), partial(_steps, file, base))
    for name in removal.meet:
        yield Rule((f"{base}/{name}",), partial(_ends, file, f"{base}/{name}"))


def _facts(file: h5py.File, path: str) -> Iterator[Problem]:
    for fact in ("options", "versions"):
        if not is_json_object(str(read_fact(file[path], fact))):
            yield Problem(path, f"the fact {fact!r} is not a JSON object")


def _layer(file: h5py.File, group: str, layer: str) -> Iterator[Problem]:
    path = f"{group}/layers/{layer}"
    if layer not in names(file, "/layers"):
        yield Problem(path, "the store holds no such layer")
        return
    for kind in names(file, f"{path}/ablation"):
        if kind not in names(file, f"/layers/{layer}/ablation"):
            yield Problem(f"{path}/ablation/{kind}", "the layer holds no such ablation")


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
