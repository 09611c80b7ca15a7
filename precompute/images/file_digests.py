"""Digests of image files, by which a run, and what later works on its store, notice that a file has changed."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from precompute.errors import ImageFolderError
from precompute.images.folder import ImageList
from precompute.words import first_few

UNKNOWN = 0
"""Stands for the digest of a file that no pass has read."""

_BYTES = 8
_THREADS = 8
"""Threads that open files: they mostly wait for the disk."""


def sha256_of(file: Path) -> bytes | None:
    """Return the SHA-256 of a file's bytes; None if they cannot be read."""
    try:
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").digest()
    except (OSError, ValueError):
        return None


def digest_of(file: Path) -> int:
    """Return the first eight bytes of the SHA-256 of a file as a number; of no bytes if it cannot be read."""
    found = sha256_of(file) if file.is_file() else None  # a pipe would block
    return int.from_bytes((found or hashlib.sha256().digest())[:_BYTES], "little") or 1


def digests_of(files: Sequence[Path]) -> np.ndarray:
    """Return the digest of each file, (file,) uint64; see :func:`digest_of`."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return np.array(list(pool.map(digest_of, files)), dtype=np.uint64)


def refuse_changed(images: ImageList, *, side_files: Path) -> None:
    """Refuse to go on with a run if files are not what they were when it read them.

    Parameters
    ----------
    images : ImageList
        Images that were read, with the digests of their files.
    side_files : Path
        The folder that holds what was computed of them, for the message.

    Raises
    ------
    ImageFolderError
        If any have changed. The message names the first few.
    """
    found = digests_of([images.root / path for path in images.paths])
    changed = [images.paths[place] for place in np.flatnonzero(found != images.digests)]
    if changed:
        raise ImageFolderError(
            f"{images.root}: of {len(images):,} files that the stopped run has read, {len(changed):,} are gone or have "
            f"other bytes now: {first_few(changed)}. Put back what was there, or delete {side_files} to start over."
        )


@contextmanager
def read_once(file: Path, before: int = UNKNOWN) -> Iterator[int]:
    """Give the digest of a file that is read inside the block.

    Parameters
    ----------
    file : Path
        The file.
    before : int
        Its digest when the run read it.

    Raises
    ------
    ImageFolderError
        If the file has changed since then, or changes inside the block.
    """
    facts, digest = _facts(file), digest_of(file)
    if before not in (UNKNOWN, digest):
        raise ImageFolderError(
            f"{file}: this file has changed since the run first read it, so results would be of another picture. "
            "Put the file back as it was, then give the same command again; a run goes on with --resume."
        )
    yield digest
    if _facts(file) != facts:
        raise ImageFolderError(
            f"{file}: this file changed while it was read. Wait until nothing writes to it, then give the same command "
            "again; a run goes on with --resume."
        )


def _facts(file: Path) -> tuple[int, ...] | None:
    try:
        found = file.stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
