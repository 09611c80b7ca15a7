"""Messages between the app and the process that computes: a line of JSON, then arrays. Nothing in them is code.

A message is one line of JSON, an object whose ``arrays`` says how many bytes each array takes, and then these bytes, as
numpy saves arrays. Pickled objects are neither written nor read.
"""

import io
import json
from collections.abc import Mapping
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from precompute.errors import UnitscopeError

Arrays = dict[str, NDArray[Any]]
_LONGEST_LINE = 2**22
_MOST_BYTES = 2**31


class WireError(UnitscopeError):
    """The bytes that came over the pipe are not a message."""


def send(stream: IO[bytes], told: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
    """Write one message.

    Parameters
    ----------
    stream : binary file
        The stream to write to.
    told : mapping
        Values that JSON can hold.
    arrays : mapping of str to array, optional
        Arrays of numbers, by name.
    """
    saved = {name: _saved(array) for name, array in (arrays or {}).items()}
    sizes = {name: len(data) for name, data in saved.items()}
    stream.write(json.dumps({**told, "arrays": sizes}).encode() + b"\n")
    for data in saved.values():
        stream.write(data)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], Arrays] | None:
    """Read one message; None at the end of the stream.

    Raises
    ------
    WireError
        Where the stream ends within a message, or holds something that is not a message.
    """
    line = stream.readline(_LONGEST_LINE)
    if not line:
        return None
    told = _object(line)
    sizes = told.pop("arrays", {})
    if not isinstance(sizes, dict) or not all(isinstance(size, int) and size >= 0 for size in sizes.values()):
        raise WireError("A message does not say how large its arrays are.")
    if sum(sizes.values()) > _MOST_BYTES:
        raise WireError(f"A message has {sum(sizes.values())} bytes, more than {_MOST_BYTES}.")
    return told, {str(name): _loaded(stream, size) for name, size in sizes.items()}


def _object(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise WireError(f"A line of {len(line)} bytes is not a message.") from error
    if not line.endswith(b"\n") or not isinstance(told, dict):
        raise WireError("A message is cut short, or no object.")
    return told


def _saved(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def _loaded(stream: IO[bytes], size: int) -> NDArray[Any]:
    data = stream.read(size)
    if len(data) != size:
        raise WireError(f"A message ends after {len(data)} of {size} bytes.")
    try:
        found: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise WireError(f"{size} bytes of a message are not an array of numbers.") from error
    return found
