"""Moving a finished store into its place, so that neither a crash nor another writer loses a store.

A store is written as a *part* beside its place and moved there in one step. Before it moves its part, a writer removes
the parts that others are writing for the same place, and then checks that the file there is still the one that it began
from. A part that was removed cannot be moved any more, so its writer notices and begins again from the file that is
there now. So two writers at the same time take effect one after the other, even if one of them pauses for a day or is
killed. No lock has to be held, waited for or broken, and it works on network disks too.

A writer holds a lock on its part for as long as it lives. The lock only decides whether a part is worth keeping.
"""

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

from precompute.errors import DiskError, StoreChanged
from precompute.store.lock import can_be_locked

Identity = tuple[int, int, int, int]
"""Tells a file from one that replaces it: inode, size, and in ns the time that it was written and that of its inode.

Programs set the former, such as those that copy. The system alone sets the latter, whenever the file, its rights or its
names change: a hard link for a backup changes it too.
"""

_KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
}


@dataclass(frozen=True)
class Part:
    """A store that was begun and not moved into place: its file, and whether its writer is still running."""

    path: Path
    alive: bool

    def __str__(self) -> str:
        if self.alive:
            return f"{self.path.name}: another program is writing it at this moment"
        return f"{self.path.name}: left by a writer that was stopped; the next one removes it, and so may you"


def identity_of(file: Path | int) -> Identity:
    """Return the identity of a file, given its path or a handle of the open file."""
    facts = os.stat(file)  # noqa: PTH116  a Path has no word for an open file
    return facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def place_of(asked: Path) -> Path:
    """Return the place of a store that was asked for at a path, with links followed.

    Raises
    ------
    DiskError
        Where something that is not a file is there and must not be replaced, or a link leads to itself.
    """
    place = asked
    try:
        place = asked.resolve()
        with suppress(FileNotFoundError):
            own_part(place).stat()  # raises if the longest name that will be needed is too long
        mode = place.stat().st_mode
    except FileNotFoundError:
        return place
    except (OSError, RuntimeError) as error:  # a link that leads to itself: RuntimeError up to Python 3.12
        why = error.strerror if isinstance(error, OSError) else "a link leads to itself"
        raise DiskError(f"{asked}: the store cannot be written here ({why}). Choose another --out.") from error
    if not stat.S_ISREG(mode):
        kind = next((word for is_kind, word in _KINDS.items() if is_kind(mode)), "no file")
        raise DiskError(f"{asked} is {kind}; a store would replace it. Name a file to write, such as runs/store.h5.")
    return place


def own_part(place: Path) -> Path:
    """Return a part with a unique name, for a program that adds to the store at a place."""
    # With a random part, because programs on other machines may have the same process number.
    return place.parent / f"{place.name}.{os.getpid()}-{token_hex(3)}.part"  # the root of the disk has no name


def parts_of(place: Path) -> list[Part]:
    """List the parts beside a place, of runs and of experiments."""
    return [Part(path, _is_alive(path)) for path in (_run_part(place), *_parts_of_others(place)) if path.is_file()]


def remove_left(place: Path) -> None:
    """Remove the parts at a place whose writers have ended."""
    for path in _parts_of_others(place):
        if not _is_alive(path):
            with suppress(OSError):
                path.unlink()


@contextmanager
def held(part: Path) -> Iterator[None]:
    """Hold a lock on a part, to show that its writer lives; without effect where there are no locks."""
    if sys.platform == "win32":  # Windows does not move open files
        yield
        return
    with part.open("rb") as file:
        can_be_locked(file)
        yield


def put(part: Path, place: Path, *, instead_of: Identity | None = None) -> None:
    """Move a whole part into place, in one step that a power cut does not undo.

    Parameters
    ----------
    part : Path
        The file, written, closed and synchronised to the disk (:func:`sync_file`).
    place : Path
        Where to move it. A file there is replaced.
    instead_of : Identity, optional
        The only file that it may replace; by default any file.

    Raises
    ------
    StoreChanged
        Where another file is there, or another writer was faster; nothing was moved.
    OSError
        Where the disk refuses.
    """
    for other in _parts_of_others(place):
        if other != part:
            other.unlink(missing_ok=True)
    with taken_away(place):
        # Only after the others' parts are gone can no other writer move its part unnoticed between this check and the
        # move.
        if instead_of is not None and identity_of(place) != instead_of:
            raise FileNotFoundError(place)
        part.replace(place)
    sync_folder(place.parent)


@contextmanager
def taken_away(place: Path) -> Iterator[None]:
    """Report a missing part as the work of a faster writer, which may remove a part at any moment.

    Raises
    ------
    StoreChanged
        In place of FileNotFoundError.

    """
    try:
        yield
    except FileNotFoundError as error:
        raise replaced(place) from error


def replaced(path: Path) -> StoreChanged:
    """Return the error that says that another file took the place of a store while something was added to it."""
    return StoreChanged(f"{path}: another program wrote here meanwhile. Nothing was added; do it again.")


def keep_rights(part: Path, place: Path) -> None:
    """Give a part the rights of the file that it will replace, if there is one: what is private must stay so."""
    with suppress(OSError):
        part.chmod(stat.S_IMODE(place.stat().st_mode) | stat.S_IWUSR)


def sync_file(path: Path) -> None:
    """Wait until the disk holds a file's bytes."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Wait until the disk holds the names in a folder, where the system supports this."""
    if sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network disks cannot
            os.fsync(handle)
    finally:
        os.close(handle)


def _run_part(place: Path) -> Path:
    return place.with_name(f"{place.name}.part")


def _parts_of_others(place: Path) -> list[Path]:
    """List the parts of experiments, also those that were being added to the part of a run."""
    named = re.compile(rf"{re.escape(place.name)}(\.part)?\.\d+(-[0-9a-f]+)?\.part")
    with suppress(OSError):
        return sorted(path for path in place.parent.iterdir() if named.fullmatch(path.name) and path.is_file())
    return []


def _is_alive(part: Path) -> bool:
    """Whether a part is locked by its writer; True too where this cannot be found out."""
    try:
        with part.open("rb") as file:
            return can_be_locked(file) is not True
    except OSError:
        return True
