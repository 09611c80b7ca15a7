"""Checks of single values: each can be read, is not missing, and is in its range."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.store import schema
from precompute.store.checks.rules import Problem, Rule, blocks, in_float32, instances, names
from precompute.store.facts import read_fact
from precompute.store.read_errors import is_damage
from precompute.store.stamps import checksum_of_values, stamp_of_values

_LARGEST = float(np.finfo("f4").max)
_ROUNDING, _HAIR = 1e-3, 1e-6
# The lists that indices of experiments point into; some experiments have further rules.
_LISTS = {"class": "/classes/name", "concept": "/experiments/dissection/concept"}
_NO_INDEX = -1


def rules(file: h5py.File) -> Iterator[Rule]:
    """List a rule for every dataset of the format."""
    for entry in schema.entries_with(names(file, "/experiments")):
        for path in instances(file, entry.path):
            if path in file:
                yield Rule((path,), partial(_problems, file, path, entry))


def count_rules(file: h5py.File) -> Iterator[Rule]:
    """List the rules that no count of images by class exceeds the images of the class; they rely on the labels."""
    for entry in schema.entries_with(names(file, "/experiments")):
        for path in instances(file, entry.path):
            if path in file and entry.unit == "images" and entry.axes[-1:] == ("class",) and not _of_training(path):
                yield Rule((path, "/images/label", "/classes/name"), partial(_beyond_class, file, path))


def _problems(file: h5py.File, path: str, entry: schema.Entry) -> Iterator[Problem]:
    span = _span(file, path, entry)
    stamped, count = stamp_of_values(file[path]), Counter[str]()
    try:
        parts = _counted(blocks(file[path]), span, count)
        unchanged = _all_read(parts) if stamped is None else checksum_of_values(parts) == stamped
    except Exception as error:
        if not is_damage(error):
            raise
        yield Problem(path, f"a block of it cannot be read ({error})")
        return
    n_missing = 0 if entry.nan else count["missing"]
    if n_missing:
        yield Problem(path, f"{n_missing} values are missing (NaN)")
    if count["outside"]:
        yield Problem(path, f"{count['outside']} values cannot be: expected {span[0]:g} to {span[1]:g}")
    if not unchanged and not n_missing and not count["outside"]:
        yield Problem(path, "its values are not those that were written")


def _counted(
    parts: Iterator[NDArray[Any]], span: tuple[float, float, bool], count: Counter[str]
) -> Iterator[NDArray[Any]]:
    """Yield the blocks again, and count their values that are missing or outside a span."""
    least, most, whole = span
    for block in parts:
        if block.dtype.kind in "fiu":
            value = in_float32(block)
            missing = np.isnan(value)
            count["missing"] += int(missing.sum())
            outside = (value < least) | (value > most)
            if whole:
                outside |= (value != np.floor(value)) & ~missing
            count["outside"] += int(outside.sum())
        yield block


def _all_read(parts: Iterator[NDArray[Any]]) -> bool:
    """Read all values of a dataset without a checksum, to see that they can be read."""
    for _ in parts:
        pass
    return True


def _span(file: h5py.File, path: str, entry: schema.Entry) -> tuple[float, float, bool]:
    """Return the smallest and largest possible value, and whether all values must be whole numbers."""
    if path.endswith(("/baseline/log_prob", "/baseline/top_log_prob")):
        return -np.inf, _ROUNDING, False
    if "/measure/" in path:
        return _span_of_measure(str(read_fact(file[path], "range", "")), _length(file, "/classes/name"))
    if entry.limits is not None:
        least, most = entry.limits
        return least - _HAIR, most + _HAIR, False
    if entry.unit == "images":
        return 0, np.inf if _of_training(path) else _length(file, "/images/path"), True
    if path.startswith("/experiments/") and entry.unit in _LISTS:
        return _NO_INDEX, _length(file, _LISTS[entry.unit]) - 1, True
    if entry.dtype == "f2" or (entry.dtype.startswith("f") and path.startswith("/experiments/")):
        return (*_finite(entry), False)
    return -np.inf, np.inf, False


def _of_training(path: str) -> bool:
    """Whether a dataset counts, or may count, training images, which need not be images of the store."""
    return path in ("/experiments/roles/training_images", "/experiments/entropy/n_images")


def _beyond_class(file: h5py.File, path: str) -> Iterator[Problem]:
    n_classes = len(file["/classes/name"])
    count = np.bincount(file["/images/label"][...], minlength=n_classes)[:n_classes]
    n_beyond = sum(int((block > count).sum()) for block in blocks(file[path]))
    if n_beyond:
        yield Problem(path, f"{n_beyond} counts are larger than the number of images of the class")


def _finite(entry: schema.Entry) -> tuple[float, float]:
    """Return the smallest and largest finite number of an entry's floating-point type."""
    limits = np.finfo(entry.dtype)
    return float(limits.min), float(limits.max)


def _length(file: h5py.File, path: str) -> float:
    """Length of a list; infinite where it is damaged or missing, so that it sets no limit."""
    stored = file.get(path)
    return len(stored) if isinstance(stored, h5py.Dataset) and stored.shape else np.inf


def _span_of_measure(said: str, n_classes: float) -> tuple[float, float, bool]:
    if said == "class index":
        return 0, n_classes - 1, True
    if said == "0 and above":
        return 0, _LARGEST, False
    bounds = re.fullmatch(r"(-?[\d.]+) (?:to|or) (-?[\d.]+)", said)
    if bounds is None:
        return -_LARGEST, _LARGEST, False
    return float(bounds[1]) - _ROUNDING, float(bounds[2]) + _ROUNDING, False
