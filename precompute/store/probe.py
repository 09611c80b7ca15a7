"""The probe: reading a file in a separate process, which is ended if reading does not come to an end.

Damaged bytes in the wrong place make the HDF5 library loop for ever, or take all memory, and no ``except`` helps. The
probe reads the structure, the attributes and all elements of variable length, but no matrices.
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
"""Limit of processor time for reading. Clock time would make good files seem damaged on a busy machine."""
PATIENCE_S = 60
LIMIT_BYTES = 4 * 1024**3
_TOO_MUCH = 3
_ENDS: dict[tuple[str, int, int, int, int], "Future[bool]"] = {}


def comes_to_an_end(path: Path) -> bool:
    """Whether a file can be read to its end; the answer is kept for as long as the file is the same.

    Threads that ask about the same file at the same time wait for one probe.

    Parameters
    ----------
    path : Path
        A file that exists.

    Raises
    ------
    StoreError
        Where the machine or the disk is too busy to find out.
    subprocess.CalledProcessError
        Where the probe could not run, for example because Python cannot be started.
    """
    from precompute.store.place import identity_of  # cannot be imported where this module runs as a script

    key = (str(path), *identity_of(path))
    mine = Future[bool]()
    answer = _ENDS.setdefault(key, mine)
    if answer is mine:
        try:
            mine.set_result(_try(path))
        except BaseException as error:
            del _ENDS[key]  # so that the next question tries again
            mine.set_exception(error)
    return answer.result()


def _try(path: Path) -> bool:
    words = [sys.executable, "-P", __file__, os.fspath(path), str(LIMIT_S)]
    quiet: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    try:
        ended = subprocess.run(words, timeout=PATIENCE_S, check=False, **quiet)
    except subprocess.TimeoutExpired as error:
        from precompute.errors import StoreError  # cannot be imported where this module runs as a script

        raise StoreError(
            f"{path}: it could not be looked through within {PATIENCE_S} s. The machine is too busy, or the disk does "
            "not answer. Try again."
        ) from error
    if ended.returncode < 0 or ended.returncode == _TOO_MUCH:  # ended by the system, or by the memory limit
        return False
    ended.check_returncode()  # any other failure is not due to the file
    return True


def _read_through(path: str) -> None:
    with h5py.File(path, "r", locking=False) as file:
        _look("/", file)
        file.visititems(_look)


def _look(_: str, item: h5py.HLObject) -> None:
    """Read everything that could keep the library busy. Errors do not matter here, because a reader reports them."""
    for name in _kept(lambda: list(item.attrs)) or []:
        _kept(partial(item.attrs.get, name))
    if isinstance(item, h5py.Dataset) and _kept(lambda: _varies(item.dtype)):
        _kept(partial(_read_blocks, item))


def _read_blocks(item: h5py.Dataset) -> None:
    """Read a dataset and discard the values."""
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
        _, most = resource.getrlimit(of)  # some machines have a lower limit already, which cannot be raised
        limit = limit if most == resource.RLIM_INFINITY else min(limit, most)
        resource.setrlimit(of, (limit, limit))


if __name__ == "__main__":
    _bound(int(sys.argv[2]))
    try:
        _read_through(sys.argv[1])
    except MemoryError:
        sys.exit(_TOO_MUCH)
    except Exception:  # such as a file that is not HDF5; the reader will report it
        sys.exit(0)
