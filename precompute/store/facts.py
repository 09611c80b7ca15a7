"""Texts and facts in HDF5, stored with fixed length so that no file has a heap.

A heap is HDF5's storage for elements of variable length. A damaged heap makes the HDF5 library loop for ever. Earlier
stores have one, and the functions here read both forms.
"""

import json
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike, NDArray

# An attribute holds 64 kB at most.
_LONGEST_TEXT = 60_000
_LONGEST_PROVENANCE = 16_000


def fixed(values: ArrayLike) -> NDArray[Any]:
    """Return texts as an array of one fixed length, in UTF-8."""
    encoded = np.asarray(np.vectorize(_encoded, otypes=[object])(np.asarray(values, dtype=object)), dtype=np.bytes_)
    return encoded.astype(h5py.string_dtype("utf-8", max(1, encoded.dtype.itemsize)))


def write_facts(item: h5py.HLObject, facts: Mapping[str, Any]) -> None:
    """Write facts as attributes of a group or dataset: numbers, short lists and texts; very long texts are cut."""
    for name, value in facts.items():
        item.attrs[name] = _as_attribute(value)


def read_fact(item: h5py.HLObject, name: str, default: Any = None) -> Any:
    """Read a fact of a group or dataset: texts as ``str``, all else as h5py gives it.

    Raises
    ------
    UnicodeDecodeError
        A ValueError, where a text is not UTF-8.
    """
    return _plain(as_held(item, name)) if has_fact(item, name) else default


def read_facts(item: h5py.HLObject) -> dict[str, Any]:
    """Read all facts of a group or dataset."""
    return {name: _plain(as_held(item, name)) for name in item.attrs}


def has_fact(item: h5py.HLObject, name: str) -> bool:
    """Whether a group or dataset has a fact of this name."""
    return bool(h5py.h5a.exists(item.id, _name(name)))


def as_held(item: h5py.HLObject, name: str) -> Any:
    """Read a fact of a group or dataset as h5py gives it: texts of fixed length as bytes.

    Nearly all facts are such texts, and a check reads thousands. They are read here without h5py's detours, in half the
    time.

    Raises
    ------
    KeyError
        Where there is no such fact.
    """
    held = h5py.h5a.open(item.id, _name(name))
    kind, shape = held.get_type(), held.shape
    if not isinstance(kind, h5py.h5t.TypeStringID) or kind.is_variable_str() or shape is None:
        return item.attrs[name]
    texts = np.empty(shape, dtype=f"S{kind.get_size()}")
    held.read(texts, mtype=kind)
    return texts[()]


def short_provenance(text: str) -> str:
    """Return the JSON text of a provenance for an attribute: whole if it is short, otherwise its short entries."""
    if len(text.encode()) <= _LONGEST_PROVENANCE:
        return text
    short = {name: value for name, value in json.loads(text).items() if len(json.dumps(value)) <= 500}
    return json.dumps({"whole": "/provenance", **dict(list(short.items())[:20])})


def _name(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _as_attribute(value: Any) -> Any:
    if isinstance(value, str):
        text = _encoded(_cut(value))
        return np.array(text, dtype=h5py.string_dtype("utf-8", max(1, len(text))))[()]
    if isinstance(value, list | tuple) and not value:
        return np.zeros(0, dtype="S1")  # an empty list has no element type
    array = np.asarray(value)
    return fixed(array.astype(object)) if array.dtype.kind in "OU" else value


def _encoded(text: Any) -> bytes:
    """Return a text as UTF-8; bytes of a file's name that are not UTF-8 become escapes."""
    return str(text).encode("utf-8", "backslashreplace")


def _cut(text: str) -> str:
    encoded = _encoded(text)
    if len(encoded) <= _LONGEST_TEXT:
        return text
    return encoded[:_LONGEST_TEXT].decode("utf-8", "ignore") + " ... (cut)"


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.dtype.kind == "S":
        return np.array([part.decode() for part in value.ravel()], dtype=object).reshape(value.shape)
    return value
