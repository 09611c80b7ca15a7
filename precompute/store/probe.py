"""The probe: reading a file in a process of its own, which is ended where reading does not come to an end.

Bytes that are damaged in the wrong place make the HDF5 library loop for ever, or take all memory, and no ``except``
helps then. The probe reads the structure, the attributes and all that varies in length, and no matrices.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import h5py

LIMIT_S = 10
"""Seconds of the processor that reading may take: by the clock, files would be damaged on a busy machine."""
PATIENCE_S = 60
LIMIT_BYTES = 4 * 1024**3
_TOO_MUCH = 3
_ENDS: dict[tuple[str, int, int, int], "Future[bool]"] = {}


def comes_to_an_end(path: Path) -> bool:
    """Whether a file can be read through; the answer is kept for as long as the file is the same.

    Several threads that ask of one file at once wait for one probe.

    Parameters
    ----------
    path : Path
        A file that exists.

    Raises
    ------
    StoreError
        When the machine or the disk is too busy to tell.
    subprocess.CalledProcessError
        When it could not be tried, as where Python cannot be started.
    """
    facts = path.stat()
    key = (str(path), facts.st_ino, facts.st_size, facts.st_mtime_ns)
    mine = Future[bool]()
    answer = _ENDS.setdefault(key, mine)
    if answer is mine:
        try:
            mine.set_result(_try(path))
        except BaseException as error:
            del _ENDS[key]  # asked again, it may be told
            mine.set_exception(error)
    return answer.result()


def _try(path: Path) -> bool:
    words = [sys.executable, "-P", __file__, os.fspath(path), str(LIMIT_S)]
    quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    try:
        ended = subprocess.run(words, timeout=PATIENCE_S, check=False, **quiet)
    except subprocess.TimeoutExpired as error:
        from precompute.errors import StoreError  # not there where this module is run by itself

        raise StoreError(
            f"{path}: it could not be looked through within {PATIENCE_S} s. The machine is too busy, or the disk does "
            "not answer. Try again."
        ) from error
    if ended.returncode < 0 or ended.returncode == _TOO_MUCH:  # the system ended it, or the limit of memory
        return False
    ended.check_returncode()  # anything else is no matter of the file
    return True


def _read_through(path: str) -> None:
    with h5py.File(path, "r", locking=False) as file:
        _look("/", file)
        file.visititems(_look)


def _look(_: str, item: h5py.HLObject) -> None:
    """Read what could keep the library busy; that it raises is no matter, for a reader can tell that."""
    for name in _kept(lambda: list(item.attrs)) or []:
        _kept(partial(item.attrs.get, name))
    if isinstance(item, h5py.Dataset) and _kept(lambda: _varies(item.dtype)):
        _kept(partial(_read_blocks, item))


def _read_blocks(item: h5py.Dataset) -> None:
    """Read a dataset and keep nothing of it."""
    for start in range(0, len(item), 1000) if item.ndim else ():
        item[start : start + 1000]
    if not item.ndim:
        item[()]


def _varies(dtype: Any) -> bool:
    text = h5py.check_string_dtype(dtype)
    return h5py.check_vlen_dtype(dtype) is not None or (text is not None and text.length is None)


def _kept(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except MemoryError:
        raise
    except Exception:
        return None


def _bound(seconds: int) -> None:
    if sys.platform == "win32":
        return
    import resource  # not there on Windows

    limits = {resource.RLIMIT_CPU: seconds}
    if sys.platform == "linux":
        limits[resource.RLIMIT_AS] = LIMIT_BYTES
    for of, limit in limits.items():
        _, most = resource.getrlimit(of)  # a lower one holds already on some machines, and cannot be raised
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(of, (limit, limit))


if __name__ == "__main__":
    _bound(int(sys.argv[2]))
    try:
        _read_through(sys.argv[1])
    except MemoryError:
        sys.exit(_TOO_MUCH)
    except Exception:  # such as a file that is not HDF5: whoever opens it is told
        sys.exit(0)
