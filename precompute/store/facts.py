"""Texts and facts as HDF5 keeps them: of fixed length, so that no file has a heap.

A heap (HDF5's place for what varies in length) that is damaged makes the HDF5 library loop for ever. Stores written
before that was known have one; what is read here reads both.
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
    """Stamp facts on a group or dataset: numbers, short lists and texts; a text too long for a fact is cut."""
    for name, value in facts.items():
        item.attrs[name] = _as_attribute(value)


def read_fact(item: h5py.HLObject, name: str, default: Any = None) -> Any:
    """Read a fact of a group or dataset: texts as ``str``, all else as h5py gives it.

    Raises
    ------
    UnicodeDecodeError
        A ValueError, where a text is not UTF-8.
    """
    return _plain(item.attrs[name]) if name in item.attrs else default


def read_facts(item: h5py.HLObject) -> dict[str, Any]:
    """Read all facts of a group or dataset."""
    return {name: _plain(value) for name, value in item.attrs.items()}


def short_provenance(text: str) -> str:
    """Return as much of the JSON text of a provenance as an attribute holds: whole, or its short entries."""
    if len(text.encode()) <= _LONGEST_PROVENANCE:
        return text
    short = {name: value for name, value in json.loads(text).items() if len(json.dumps(value)) <= 500}
    return json.dumps({"whole": "/provenance", **dict(list(short.items())[:20])})


def _as_attribute(value: Any) -> Any:
    if isinstance(value, str):
        return fixed(_cut(value))[()]
    if isinstance(value, list | tuple) and not value:
        return np.zeros(0, dtype="S1")  # an empty list has no type of its own
    array = np.asarray(value)
    return fixed(array.astype(object)) if array.dtype.kind in "OU" else value


def _encoded(text: Any) -> bytes:
    """Return a text as UTF-8; what of a file's name is none comes as escapes."""
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
