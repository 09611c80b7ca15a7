"""The building blocks of checks: problems, rules, and reading in blocks."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.store.blocks import row_blocks
from precompute.store.checks.known_paths import KnownPaths
from precompute.store.entry import Entry
from precompute.store.facts import read_fact
from precompute.store.keep import ALL, SUMS
from precompute.store.renamed import earlier

_BLOCK_BYTES = 16 * 1024**2  # a rule holds several copies of a block
_GUESSED_ELEMENT_BYTES = 64 * 1024


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a store: where, and what."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


@dataclass(frozen=True)
class Rule:
    """Something that must be true of a store.

    Parameters
    ----------
    needs : tuple of str
        The paths that must be sound before the rule is evaluated, so that one fault is not reported ten times.
    find : callable
        Yields a problem for each place where the rule is broken.
    """

    needs: tuple[str, ...]
    find: Callable[[], Iterator[Problem]]


def instances(file: h5py.File, pattern: str) -> list[str]:
    """List the paths of a file that a pattern of the schema stands for, including those under earlier names."""
    if isinstance(file, KnownPaths):
        return file.instances(pattern, lambda: _instances(file, pattern))
    return _instances(file, pattern)


def _instances(file: h5py.File, pattern: str) -> list[str]:
    paths = [""]
    for part in pattern.split("/")[1:]:
        if part.startswith("<"):
            paths = [f"{path}/{name}" for path in paths for name in names(file, path)]
        else:
            paths = [f"{path}/{part}" for path in paths]
    return [earlier(path) if path not in file and earlier(path) in file else path for path in paths]


def keeps_sums(file: h5py.File) -> bool:
    """Whether a store keeps sums only."""
    return bool(str(read_fact(file, "keep", ALL)) == SUMS)


def left_out(file: h5py.File, entry: Entry | None) -> bool:
    """Whether a store leaves a dataset out on purpose: in a store of sums, any dataset over unit and image."""
    return entry is not None and entry.of_unit_and_image and keeps_sums(file)


def names(file: h5py.File, path: str) -> tuple[str, ...]:
    """List the names in a group; none where there is no such group."""
    if isinstance(file, KnownPaths):
        return file.names(path)
    group = file.get(path)
    return tuple(group) if isinstance(group, h5py.Group) else ()


def blocks(dataset: h5py.Dataset) -> Iterator[NDArray[Any]]:
    """Read a dataset in blocks along its first axis, so that memory does not grow with it."""
    if dataset.ndim == 0 or dataset.size == 0:
        yield np.asarray(dataset[()])
        return
    n_rows = dataset.shape[0]
    row_bytes = dataset.nbytes // n_rows if dataset.dtype.kind != "O" else _GUESSED_ELEMENT_BYTES
    for block in row_blocks(n_rows, row_bytes, _BLOCK_BYTES):
        yield dataset[block]


def in_float32(values: NDArray[Any]) -> NDArray[Any]:
    """Return half-precision values in single precision, which numpy compares several times as fast."""
    return values.astype(np.float32) if values.dtype == np.float16 else values


def strings(file: h5py.File, path: str) -> list[str]:
    """Read a dataset of strings."""
    return list(file[path].asstr()[...])


def is_json_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def outside(path: str, values: NDArray[Any], stop: int) -> Iterator[Problem]:
    """Find indices below 0, or at or above `stop`."""
    count = int(((values < 0) | (values >= stop)).sum())
    if count:
        yield Problem(path, f"{count} values lie outside 0 to {stop - 1}")


def agree(found: NDArray[Any], expected: NDArray[Any]) -> bool:
    """Whether stored numbers equal the computed ones, up to rounding to single precision."""
    return found.shape == expected.shape and np.allclose(found, expected, rtol=1e-5, atol=1e-6, equal_nan=True)


def in_units(wrong: NDArray[np.bool_]) -> str:
    """Say in which units something is wrong; `wrong` is (unit,) with at least one true entry."""
    first, n_others = int(np.argmax(wrong)), int(wrong.sum()) - 1
    return f"in unit {first}" + (f" and {n_others} more" if n_others else "")
