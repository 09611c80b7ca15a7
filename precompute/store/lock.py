"""Locks by the system, which end with the process that holds them: none outlives a crash.

A lock is a file that is held locked and removed by whoever let go of it last. It decides nothing on a disk that has no
locks, as some network disks, and on Windows.
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
    """Lock an open file, if nobody holds it: True if so, False if somebody does, None where there are no locks."""
    if sys.platform == "win32":
        return None
    import fcntl  # not there on Windows

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


@contextmanager
def alone(lock: Path, *, patience_s: float = 0) -> Iterator[None]:
    """Hold a lock, which is a file of its own, and remove it in the end.

    Parameters
    ----------
    lock : Path
        The file; it is made where it is not there.
    patience_s : float
        How long to wait for another one to let go of it.

    Raises
    ------
    BlockingIOError
        When another process, or thread, holds it for longer.
    OSError
        When the file cannot be made.
    """
    with taken(lock, patience_s=patience_s):
        try:
            yield
        finally:
            with suppress(OSError):  # Windows does not remove what is open
                lock.unlink()


def taken(lock: Path, *, patience_s: float = 0) -> IO[str]:
    """Lock a file and return it open: closing it lets go of it. As :func:`alone`, but for the removal.

    Raises
    ------
    BlockingIOError, OSError
    """
    until = monotonic() + patience_s
    while True:
        file = lock.open("w")
        free = can_be_locked(file)
        if free is None or (free and _is_still(file, lock)):
            return file
        file.close()
        if not free:  # and where it was removed between being opened and being locked: again at once
            if monotonic() >= until:
                raise BlockingIOError(f"{lock} is held by another process")
            sleep(_BETWEEN_LOOKS_S)


def _is_still(file: IO[str], lock: Path) -> bool:
    """Whether an open file lies under its name yet: whoever locks one that was removed has locked nothing."""
    with suppress(OSError):
        return os.path.samestat(os.fstat(file.fileno()), lock.stat())
    return False
