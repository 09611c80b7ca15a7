"""Copies: image files with the same bytes as another one. They are allowed, but the user must know of them."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG

from precompute.images.file_digests import sha256_of
from precompute.images.folder import ImageList
from precompute.words import first_few

_MIDDLE_BYTES = 4096
_THREADS = 8
"""Threads that open files: they mostly wait for the disk."""


@dataclass(frozen=True)
class _Listed:
    """An image of a list, and whether it is a training image."""

    path: str
    label: int
    file: Path
    trains: bool


_Pairs = Sequence[tuple[_Listed, _Listed]]


def copy_conditions(images: ImageList, train: ImageList | None, *, of_training_alone: bool = False) -> Iterator[str]:
    """Yield a sentence for each kind of copies among the images, byte for byte; nothing if there are none.

    Copies are no reason to refuse images: published sets have some. Links to one file are not copies.

    Parameters
    ----------
    images : ImageList
        The images of the run.
    train : ImageList, optional
        The training images.
    of_training_alone : bool
        Whether to leave out copies among the images themselves, since the run has told of them.
    """
    found = [*_of(images, trains=False), *(() if train is None else _of(train, trains=True))]
    pairs = [(found[copy], found[first]) for copy, first in find_copies([each.file for each in found])]
    for trains in (True,) if of_training_alone else (False, True):
        inside = [(copy, first) for copy, first in pairs if copy.trains == first.trains == trains]
        if other := [(copy, first) for copy, first in inside if copy.label != first.label]:
            yield (
                f"{_counted(other)} of an image of another class: {_told(other)}. Where both can be read, the "
                "network gives them the same answer, so at least one of the two counts as wrong."
            )
        if same := [(copy, first) for copy, first in inside if copy.label == first.label]:
            yield (
                f"{_counted(same)} of an image of the same class: {_told(same)}. Each that can be read counts as "
                "an image of its own, so intervals and tests look surer than they are."
            )
    if across := [(copy, first) for copy, first in pairs if copy.trains and not first.trains]:
        yield (
            f"{_counted(across)} of an image of the run: {_told(across)}. What the network does with such an image "
            "does not show what it does with images that it was not trained on."
        )


def find_copies(files: Sequence[Path]) -> Iterator[tuple[int, int]]:
    """Find files that hold the same bytes as an earlier file, but are not that file itself.

    Only files of the same size are opened, and only those with the same bytes in the middle are read whole.

    Parameters
    ----------
    files : sequence of Path
        The files. Those that cannot be read are skipped: the run reports them when it reads them.

    Yields
    ------
    tuple of int
        The position of the copy in `files`, and the position of the first file with the same bytes.
    """
    facts = dict(enumerate(map(_facts, files)))
    groups = _alike([list(facts)], lambda place: _size(facts[place]))
    for look in (_middle, sha256_of):
        with ThreadPoolExecutor(_THREADS) as pool:
            places = [place for group in groups for place in group]
            seen = dict(zip(places, pool.map(look, [files[place] for place in places]), strict=True))
        groups = _alike(groups, seen.__getitem__)
    for first, *others in groups:
        yield from ((place, first) for place in others if _identity(facts[place]) != _identity(facts[first]))


def _alike(groups: Sequence[Sequence[int]], of: Callable[[int], Hashable]) -> list[list[int]]:
    """Split groups by a property of their members; members without it, and groups of one, are left out."""
    parted: dict[tuple[int, Hashable], list[int]] = defaultdict(list)
    for number, group in enumerate(groups):
        for place in group:
            if (found := of(place)) is not None:
                parted[number, found].append(place)
    return [group for group in parted.values() if len(group) > 1]


def _facts(file: Path) -> os.stat_result | None:
    try:
        return file.stat()
    except (OSError, ValueError):
        return None


def _size(facts: os.stat_result | None) -> int | None:
    return facts.st_size if facts is not None and S_ISREG(facts.st_mode) and facts.st_size else None


def _identity(facts: os.stat_result | None) -> Hashable:
    """Return what the system tells files apart by. Some systems have nothing; there every file is its own."""
    return (facts.st_dev, facts.st_ino) if facts is not None and facts.st_ino else object()


def _middle(file: Path) -> bytes | None:
    """Hash the middle of a file: many different images begin or end with the same bytes."""
    try:
        with file.open("rb", buffering=0) as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - _MIDDLE_BYTES) // 2)
            return hashlib.sha256(opened.read(_MIDDLE_BYTES)).digest()
    except OSError:
        return None


def _of(images: ImageList, *, trains: bool) -> Iterator[_Listed]:
    for path, label in zip(images.paths, images.labels.tolist(), strict=True):
        if path not in images.left_out:
            yield _Listed(path, label, images.root / path, trains)


def _counted(pairs: _Pairs) -> str:
    kind = "training image" if pairs[0][0].trains else "image"
    return f"{len(pairs):,} {kind}{' is a copy' if len(pairs) == 1 else 's are copies'}, byte for byte,"


def _told(pairs: _Pairs) -> str:
    return first_few([f"{copy.path} is {first.path}" for copy, first in pairs], 4)
