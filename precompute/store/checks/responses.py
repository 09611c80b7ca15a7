"""Checks of a layer's responses: activations, class means, and the measures that follow from them."""

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.measures.activity import dead
from precompute.measures.selectivity import class_means, class_selectivity
from precompute.store.checks.rules import Problem, Rule, agree, blocks, in_units, names

# Means of networks in half precision are rounded by up to this share of the maximum.
_ROUNDING = 1e-3

Measures = dict[str, NDArray[Any]]


def rules(file: h5py.File, base: str) -> Iterator[Rule]:
    """List the rules for the responses of the layer at `base`."""
    largest, mean, positive = (f"{base}/activation/{part}" for part in ("max", "mean", "positive_mean"))
    images = ("/images/label", "/classes/name")
    yield Rule((largest, mean, positive), partial(_activations, file, base))
    yield Rule((f"{base}/class_mean", mean, *images), partial(_class_mean, file, base))
    if f"{base}/class_positive_mean" in file:
        needs = (f"{base}/class_positive_mean", f"{base}/activation", positive, *images)
        yield Rule(needs, partial(_class_positive_mean, file, base))
    if f"{base}/n_active" in file:
        yield Rule((f"{base}/n_active", largest), partial(_n_active, file, base))
    yield from measure_rules(file, base, ("dead",), (largest, mean), partial(_dead, file, base))
    selectivity = ("class_selectivity", "selective_class")
    yield from measure_rules(file, base, selectivity, (mean, positive, *images), partial(_selectivity, file, base))


def measure_rules(
    file: h5py.File, base: str, of: tuple[str, ...], needs: tuple[str, ...], compute: Callable[[], Measures]
) -> Iterator[Rule]:
    """List the rules that each of some measures, where the layer holds it, has the values that `compute` returns."""
    computed = cache(compute)
    for name in of:
        if name in names(file, f"{base}/measure"):
            path = f"{base}/measure/{name}"
            yield Rule((path, *needs), partial(_measure, file, path, computed))


def _measure(file: h5py.File, path: str, computed: Callable[[], Measures]) -> Iterator[Problem]:
    if not agree(file[path][...], computed()[path.rsplit("/", 1)[1]]):
        yield Problem(path, "the values do not follow from the rest of the store")


def _activations(file: h5py.File, base: str) -> Iterator[Problem]:
    group = file[f"{base}/activation"]
    exceeds, negative = [], False
    for largest, mean in zip(blocks(group["max"]), blocks(group["mean"]), strict=True):
        exceeds.append((mean > largest + _ROUNDING * np.maximum(1, np.abs(largest))).any(axis=1))
        negative |= bool((mean < 0).any())
    wrong = np.concatenate(exceeds)
    if wrong.any():
        yield Problem(f"{base}/activation/mean", f"a mean exceeds its maximum {in_units(wrong)}")
    if "positive_mean" not in group:
        if negative:
            yield Problem(f"{base}/activation/positive_mean", "the dataset is missing in a layer that goes below zero")
    elif any((block < 0).any() for block in blocks(group["positive_mean"])):
        yield Problem(f"{base}/activation/positive_mean", "values lie below zero")


def _class_means(file: h5py.File, path: str) -> NDArray[Any]:
    label, n_classes = file["/images/label"][...], len(file["/classes/name"])
    return np.concatenate([class_means(block, label, n_classes) for block in blocks(file[path])])


def _class_mean(file: h5py.File, base: str) -> Iterator[Problem]:
    if not agree(file[f"{base}/class_mean"][...], _class_means(file, f"{base}/activation/mean")):
        yield Problem(f"{base}/class_mean", "the class means do not follow from activation/mean and the labels")


def _class_positive_mean(file: h5py.File, base: str) -> Iterator[Problem]:
    held, positive = f"{base}/class_positive_mean", f"{base}/activation/positive_mean"
    if positive not in file:
        yield Problem(held, "expected none in a layer without activation/positive_mean")
    elif not agree(file[held][...], _class_means(file, positive)):
        yield Problem(held, "the class means do not follow from activation/positive_mean and the labels")


def _n_active(file: h5py.File, base: str) -> Iterator[Problem]:
    counted = [(block > 0).sum(axis=1) for block in blocks(file[f"{base}/activation/max"])]
    wrong = file[f"{base}/n_active"][...] != np.concatenate(counted)
    if wrong.any():
        yield Problem(f"{base}/n_active", f"it is not the number of images above zero {in_units(wrong)}")


def _dead(file: h5py.File, base: str) -> Measures:
    group = file[f"{base}/activation"]
    pairs = zip(blocks(group["max"]), blocks(group["mean"]), strict=True)
    return {"dead": np.concatenate([dead(largest, mean) for largest, mean in pairs])}


def _selectivity(file: h5py.File, base: str) -> Measures:
    positive = f"{base}/activation/positive_mean"
    index, preferred = class_selectivity(
        _class_means(file, positive if positive in file else f"{base}/activation/mean")
    )
    return {"class_selectivity": index, "selective_class": preferred}
