"""Stamps: facts of a finished store by which later changes of its content are found.

There are three: ``members`` of a group names its members, ``values`` of a dataset is a checksum of its values, and
``checksum`` of either is a checksum of its other facts. They are written last. Older stores have none of them, or only
some.
"""

import json
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.store.checks.rules import Problem, blocks
from precompute.store.facts import as_held, has_fact, read_fact, write_facts
from precompute.store.renamed import current, earlier

CHECKSUM, MEMBERS, VALUES = "checksum", "members", "values"
# Facts that a checksum leaves out: those written after it or checked separately, and those that differ between two runs
# with the same result.
_LEFT_OUT = (CHECKSUM, MEMBERS, VALUES, "complete", "created", "command")
_OF_ONE_RUN = ("command", "started", "options")
# An attribute holds at most 64 kB; for a group with longer names only the number is kept.
_LONGEST_NAMES = 50_000


def stamp(file: h5py.File) -> None:
    """Stamp every group and dataset; values that were copied with their stamp keep it."""

    def look(_: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Group):
            _put(item, MEMBERS, _named(item))
        elif not has_fact(item, VALUES) and _has_fixed_length(item):
            write_facts(item, {VALUES: checksum_of_values(blocks(item))})
        names = sorted(name for name in item.attrs if name not in _LEFT_OUT)
        _put(item, CHECKSUM, f"{_checksum(item, names)} {' '.join(names)}")

    look("/", file)
    file.visititems(look)


def _put(item: h5py.HLObject, name: str, text: str) -> None:
    """Write a stamp, unless it is there already, as on what was copied: reading takes a third of the time."""
    if str(read_fact(item, name, "")) != text:
        write_facts(item, {name: text})


def has_facts_as_stamped(item: h5py.HLObject) -> bool:
    """Whether the facts named in the checksum are unchanged; facts that it does not name do not matter.

    True without a checksum too, because older stores have none.
    """
    if not has_fact(item, CHECKSUM):
        return True
    digest, *names = str(read_fact(item, CHECKSUM)).split() or [""]
    return all(has_fact(item, name) for name in names) and digest == _checksum(item, names)


def gone(item: h5py.HLObject, path: str) -> Iterator[Problem]:
    """Find members that a group had when it was stamped and that are missing now, or have lost their stamps."""
    if not isinstance(item, h5py.Group) or not has_fact(item, MEMBERS):
        return
    number, listing, listed = str(read_fact(item, MEMBERS)).partition(" ")
    names = listed.split("/") if listed else []
    if not number.isdecimal() or (listing and int(number) != len(names)):
        yield Problem(path, "the list of its members is not one that was written")
        return
    for name in names:
        held = next((called for called in (name, earlier(name), current(name)) if called in item), None)
        if held is None:
            yield Problem(f"{path.rstrip('/')}/{name}", "it is gone; it was there when the store was written")
        elif not _is_stamped(item[held]):
            yield Problem(f"{path.rstrip('/')}/{held}", "a fact is gone by which changes of it would be found")
    if not listed and len(item) < int(number):
        yield Problem(path, f"{int(number) - len(item)} of its {number} members are gone")


def stamp_of_values(dataset: h5py.Dataset) -> str | None:
    """Return the checksum that a dataset's values had when it was stamped; None where it has none."""
    held = read_fact(dataset, VALUES)
    return None if held is None else str(held)


def checksum_of_values(parts: Iterator[NDArray[Any]]) -> str:
    """CRC-32, in hexadecimal, of a dataset's values in the order of its axes, numbers with the lowest byte first.

    Parameters
    ----------
    parts : iterator of arrays
        The values in blocks along the first axis, see :func:`precompute.store.checks.rules.blocks`.
    """
    found = 0
    for part in parts:
        found = zlib.crc32(np.ascontiguousarray(part, dtype=part.dtype.newbyteorder("<")).tobytes(), found)
    return f"{found:08x}"


def _is_stamped(item: h5py.HLObject) -> bool:
    of_kind = MEMBERS if isinstance(item, h5py.Group) else VALUES
    return has_fact(item, CHECKSUM) and (has_fact(item, of_kind) or (of_kind == VALUES and not _has_fixed_length(item)))


def _named(group: h5py.Group) -> str:
    """Return how many members a group has, and their names separated by slashes, which no name contains."""
    names = "/".join(group)
    return f"{len(group)} {names}" if len(names.encode()) <= _LONGEST_NAMES else str(len(group))


def _has_fixed_length(dataset: h5py.Dataset) -> bool:
    return dataset.shape is not None and dataset.dtype.kind != "O"


def _checksum(item: h5py.HLObject, names: Sequence[str]) -> str:
    """CRC-32, in hexadecimal, of one line a fact: the JSON array of name and value, in ASCII."""
    lines = "".join(json.dumps([name, _stamped(name, _as_json(as_held(item, name)))]) + "\n" for name in names)
    return f"{zlib.crc32(lines.encode()):08x}"


def _stamped(name: str, value: Any) -> Any:
    """Return the part of a fact that enters the checksum: all of it, except parts of the provenance of one run."""
    try:
        held = json.loads(value) if name == "provenance" else None
    except (ValueError, TypeError, RecursionError):
        return value
    return {key: held[key] for key in held if key not in _OF_ONE_RUN} if isinstance(held, dict) else value


def _as_json(value: Any) -> Any:
    """Return a fact as a JSON value; anything that no fact should be, by its repr."""
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "SObiuf":
        value = value.tolist()
    if isinstance(value, list):
        return [_as_json(part) for part in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return value if isinstance(value, str | int | float) else repr(value)
