"""What an object held at some moment, so that it can be compared and put back."""

import os
from array import array
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import _lru_cache_wrapper, partial
from mmap import mmap
from types import CellType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from precompute.models.reach import NOTHING, Variables, dictionary_of, is_a, slot, slots_of

_ROWS: tuple[Any, ...] = (list, set, deque, bytearray, array)
_MOST_OF_FILE = 64 * 1024**2


@dataclass(frozen=True, eq=False)
class Kept:
    """What an object held at some moment.

    Parameters
    ----------
    before
        What it held.
    now
        Returns what it holds.
    is_same
        Compares the two.
    write
        Lets the object hold what it held.
    """

    before: Any
    now: Callable[[], Any]
    is_same: Callable[[Any, Any], bool]
    write: Callable[[Any], object]

    def is_changed(self) -> bool:
        """Say whether the object holds something else now."""
        return not self.is_same(self.now(), self.before)

    def restore(self) -> None:
        """Let the object hold again what it held then."""
        self.write(self.before)


def kept_in(found: Any) -> Iterator[Kept]:
    """Yield what an object holds now: its numbers, its members, its attributes.

    Parameters
    ----------
    found
        One of `precompute.models.reach.reached`.
    """
    if is_a(found, Tensor):
        if found.layout is torch.strided and not (found.is_meta or found.is_quantized):
            yield Kept(found.detach().to("cpu", copy=True), lambda: found, _is_equal, found.data.copy_)
        yield from _of_instance(found)
    elif is_a(found, np.ndarray):
        # A file that lies in memory as an array may be larger than memory, and what is read alone cannot change.
        fits = found.nbytes <= _MOST_OF_FILE or not _is_of_file(found)
        if not found.dtype.hasobject and found.flags.writeable and fits:
            yield Kept(found.copy(), lambda: found, _is_equal_array, lambda before: np.copyto(found, before))
    elif is_a(found, _ROWS):
        yield _of_rows(next(kind for kind in _ROWS if is_a(found, kind)), found)
    elif is_a(found, _lru_cache_wrapper) and not found.cache_info().currsize:
        # It can be emptied and not filled again, so one that was filled before is left as it is: what is in it may be
        # more than the function computes, such as a network whose weights were loaded since.
        yield Kept(0, lambda: found.cache_info().currsize, int.__eq__, lambda _: found.cache_clear())
    elif is_a(found, Variables):
        yield _by_name(found.now, found.held.__setitem__, found.held.__delitem__)
    elif is_a(found, type):
        yield _by_name(lambda: dict(vars(found)), partial(type.__setattr__, found), partial(type.__delattr__, found))
    elif not is_a(found, ModuleType):
        yield from _of_instance(found)


def _is_of_file(found: Any) -> bool:
    """Say whether the memory of an array is a file's, whatever views of it lie in between."""
    while is_a(found, np.ndarray):
        if is_a(found, np.memmap):
            return True
        found = found.base
    return is_a(found.obj if is_a(found, memoryview) else found, mmap)


def environment() -> Kept:
    """Return the environment variables of the process."""

    def now() -> dict[str, str]:
        return dict(os.environ)

    return Kept(now(), now, dict.__eq__, _set_environment)


def _set_environment(before: dict[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _of_rows(kind: Any, found: Any) -> Kept:
    def now() -> list[Any]:
        return list(kind.__iter__(found))

    return Kept(now(), now, _is_same_row, lambda before: _fill(kind, found, before))


def _of_instance(found: Any) -> Iterator[Kept]:
    if is_a(found, dict):
        yield Kept(_plain(found), lambda: _plain(found), _is_same_dict, lambda before: _refill(found, before))
    held = dictionary_of(found)
    if held is not None:
        yield _by_name(lambda: dict(held), held.__setitem__, held.__delitem__)
    names = ["cell_contents"] if is_a(found, CellType) else slots_of(found)
    if names:

        def now() -> dict[str, Any]:
            there = {name: slot(found, name) for name in names}
            return {name: value for name, value in there.items() if value is not NOTHING}

        yield _by_name(now, partial(object.__setattr__, found), partial(object.__delattr__, found))


def _by_name(
    now: Callable[[], dict[str, Any]], put: Callable[[str, Any], object], remove: Callable[[str], object]
) -> Kept:
    """Return what is held by names now, of which only those are written that hold something else then."""

    def write(before: dict[str, Any]) -> None:
        there = now()
        for name in there.keys() - before.keys():
            remove(name)
        for name, value in before.items():
            if there.get(name, NOTHING) is not value:
                put(name, value)

    return Kept(now(), now, _is_same_dict, write)


def _fill(kind: Any, found: Any, before: list[Any]) -> None:
    # A class derived from one of these kinds may have its own rules for what is added to it.
    if kind is array:
        array.__delitem__(found, slice(None))
    else:
        kind.clear(found)
    (set.update if kind is set else kind.extend)(found, before)


def _plain(found: dict[Any, Any]) -> dict[Any, Any]:
    return dict(dict.items(found))


def _refill(found: dict[Any, Any], before: dict[Any, Any]) -> None:
    # A class derived from these may have its own way to be written, as outputs of Hugging Face's have.
    plain = OrderedDict if is_a(found, OrderedDict) else dict
    plain.clear(found)
    for key, value in before.items():
        plain.__setitem__(found, key, value)


def _is_same_dict(one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    return one.keys() == other.keys() and all(one[key] is other[key] for key in one)


def _is_same_row(one: list[Any], other: list[Any]) -> bool:
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


def _is_equal(now: Tensor, before: Tensor) -> bool:
    there = now.detach().cpu()
    return there.shape == before.shape and bool(((there == before) | ((there != there) & (before != before))).all())


def _is_equal_array(now: np.ndarray, before: np.ndarray) -> bool:
    return now.shape == before.shape and bool(((now == before) | ((now != now) & (before != before))).all())
