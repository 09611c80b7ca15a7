"""Checks of a store that keeps sums only: the relations that need no numbers of every unit on every image."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.measures.selectivity import class_selectivity
from precompute.store.checks.responses import Measures, measure_rules
from precompute.store.checks.rules import Problem, Rule, in_units, names

_RISES = {"top": -1, "bottom": 1, "quantile": 1}
# Sums are rounded to single precision.
_ROUNDING = 1e-5


def rules(file: h5py.File, base: str) -> Iterator[Rule]:
    """List the rules for the sums and the lists of the layer at `base`."""
    mean, positive, active = (f"{base}/{part}" for part in ("class_mean", "class_positive_mean", "n_active"))
    top_unit, top_value = (f"{base}/image_top/{part}" for part in ("unit", "value"))
    for path in (active, f"{base}/image_top"):
        if path not in file:
            yield Rule((base,), partial(_missing, path))
    yield Rule((mean, positive), partial(_above, file, base))
    selectivity = ("class_selectivity", "selective_class")
    yield from measure_rules(file, base, selectivity, (mean, positive), partial(_selectivity, file, base))
    for kind in names(file, f"{base}/exemplar"):
        if kind in _RISES:
            image, value = (f"{base}/exemplar/{kind}/{part}" for part in ("image", "value"))
            yield Rule((base, image, value), partial(_list, file, base, kind))
            if top_unit in file and top_value in file:
                yield Rule((image, value, top_unit, top_value), partial(_same_value, file, base, kind))
    if active in file and "top" in names(file, f"{base}/exemplar"):
        yield Rule((active, f"{base}/exemplar/top/value"), partial(_active, file, base))


def _missing(path: str) -> Iterator[Problem]:
    yield Problem(path, "it is missing, and in a store that keeps sums only nothing else says it")


def _above(file: h5py.File, base: str) -> Iterator[Problem]:
    """Find means of the positive part that are below the mean or zero, and places where they are missing."""
    mean, path = file[f"{base}/class_mean"][...], f"{base}/class_positive_mean"
    if path not in file:
        if (mean < 0).any():
            yield Problem(path, "the dataset is missing in a layer that goes below zero")
        return
    least = np.maximum(mean, 0)
    wrong = (file[path][...] < least - _ROUNDING * np.maximum(1, np.abs(least))).any(axis=1)
    if wrong.any():
        yield Problem(path, f"a mean of the part above zero lies below the mean {in_units(wrong)}")


def _selectivity(file: h5py.File, base: str) -> Measures:
    positive = f"{base}/class_positive_mean"
    means = file[positive if positive in file else f"{base}/class_mean"][...]
    index, preferred = class_selectivity(means)
    return {"class_selectivity": index, "selective_class": preferred}


def _list(file: h5py.File, base: str, kind: str) -> Iterator[Problem]:
    """Find values out of order, and images named twice in a list other than that of quantiles."""
    group = file[f"{base}/exemplar/{kind}"]
    image, value = group["image"][...], group["value"][...]
    if image.shape != value.shape:
        return
    twice = (np.diff(np.sort(image, axis=1), axis=1) == 0).any(axis=1)
    if kind != "quantile" and twice.any():
        yield Problem(f"{base}/exemplar/{kind}/image", f"the same image is named twice {in_units(twice)}")
    wrong = (_RISES[kind] * np.diff(value, axis=1) < 0).any(axis=1)
    if wrong.any():
        yield Problem(f"{base}/exemplar/{kind}/value", f"the values are not in the order of the list {in_units(wrong)}")


def _same_value(file: h5py.File, base: str, kind: str) -> Iterator[Problem]:
    """Find values that differ from `image_top` for the same unit and image."""
    image, value = (file[f"{base}/exemplar/{kind}/{part}"][...] for part in ("image", "value"))
    unit, largest = (file[f"{base}/image_top/{part}"] for part in ("unit", "value"))
    if image.min(initial=0) < 0 or image.max(initial=-1) >= len(unit):
        yield Problem(f"{base}/exemplar/{kind}/image", "it names images that there are not")
        return
    named, said = unit[...], largest[...]
    rows = enumerate(zip(image, value, strict=True))
    wrong = np.array([_differs(named[at], said[at], one, row) for one, (at, row) in rows])
    if wrong.any():
        yield Problem(f"{base}/exemplar/{kind}/value", f"image_top says another value {in_units(wrong)}")


def _differs(named: NDArray[Any], said: NDArray[Any], unit: int, value: NDArray[Any]) -> bool:
    exemplar, rank = np.nonzero(named == unit)
    return bool((said[exemplar, rank] != value[exemplar]).any())


def _active(file: h5py.File, base: str) -> Iterator[Problem]:
    active, top = file[f"{base}/n_active"][...], file[f"{base}/exemplar/top/value"][...]
    shown = (top > 0).sum(axis=1)
    wrong = (active < shown) | ((active > shown) & (shown < top.shape[1]))
    if wrong.any():
        yield Problem(f"{base}/n_active", f"it does not go with the top exemplars {in_units(wrong)}")
