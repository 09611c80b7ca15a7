"""Locks of the operating system, which end with the process that holds them, even in a crash.

A lock is a file that is held locked, and removed by its last holder. It has no effect on disks without locks, such as
some network disks, and on Windows.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import IO, Any

_BETWEEN_LOOKS_S = 0.02


def can_be_locked(file: IO[Any]) -> bool | None:
    """Lock an open file if it is free. Return True if it was, False if another holds it, None without locks."""
    if sys.platform == "win32":
        return None
    import fcntl  # does not exist on Windows

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def alone(lock: Path, *, patience_s: float = 0) -> Iterator[None]:
    """Hold a lock, which is a separate file, and remove the file at the end.

    Parameters
    ----------
    lock : Path
        The file; it is made if it does not exist.
    patience_s : float
        How long to wait for another holder.

    Raises
    ------
    BlockingIOError
        Where another process or thread holds it for longer.
    OSError
        Where the file cannot be made.
    """
    with taken(lock, patience_s=patience_s):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows does not remove what is open
                lock.unlink()


def taken(lock: Path, *, patience_s: float = 0) -> IO[str]:
    """Lock a file and return it open; closing it releases the lock. As :func:`alone`, without the removal.

    Raises
    ------
    BlockingIOError, OSError
        As :func:`alone`.

    """
    until = monotonic() + patience_s
    while True:
        file = _opened(lock)
        free = can_be_locked(file)
        if free is None or (free and _is_still(file, lock)):
            return file
        file.close()
        if not free:  # if it was removed between opening and locking, try again at once
            if monotonic() >= until:
                raise BlockingIOError(f"{lock} is held by another process")
            sleep(_BETWEEN_LOOKS_S)


def _opened(lock: Path) -> IO[str]:
    """Open a lock, which is made if it is not there; a link or a pipe of its name is an error and is not followed."""
    strictly = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    return os.fdopen(os.open(lock, os.O_WRONLY | os.O_CREAT | strictly, 0o666), "w")


def _is_still(file: IO[str], lock: Path) -> bool:
    """Whether an open file still has its name; a lock on a file that was removed protects nothing."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(file.fileno()), lock.stat())
    return False
