"""What a node of a cluster must share with the main process: the program, and the images under the same paths."""

import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import precompute
from precompute.errors import ImageFolderError
from precompute.images.folder import ImageList
from precompute.measures.evenly_spread import evenly_spread
from precompute.provenance import versions

_SAMPLES = 8


def program() -> dict[str, str]:
    """Return the versions of the libraries that the numbers depend on, and a hash over the source of this program."""
    source = hashlib.sha256()
    for file in sorted(Path(precompute.__file__).parent.rglob("*.py")):
        source.update(file.read_bytes())
    return versions() | {"source": source.hexdigest()[:12]}


@dataclass(frozen=True)
class Sample:
    """An image file: its path, its size in bytes, and a hash of its content."""

    path: str
    size: int
    sha256: str

    @classmethod
    def of(cls, path: str) -> "Sample":
        """Read a file.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        with Path(path).open("rb") as file:
            return cls(path, os.fstat(file.fileno()).st_size, hashlib.file_digest(file, "sha256").hexdigest())


def samples_of(images: ImageList) -> list[Sample]:
    """Return some files of a list, spread evenly over it, without those that cannot be read."""
    found = []
    for position in evenly_spread(len(images), _SAMPLES):
        if images.paths[position] not in images.left_out:
            with suppress(OSError):
                found.append(Sample.of(str(images.root / images.paths[position])))
    return found


def refuse_other_files(samples: Sequence[Sample]) -> None:
    """Refuse this machine if it does not have the same files under the same paths.

    Raises
    ------
    ImageFolderError
        The message names the first file that is missing or different.
    """
    for sample in samples:
        try:
            found = Sample.of(sample.path)
        except OSError as error:
            raise ImageFolderError(
                f"{sample.path}: this image cannot be read there ({error.strerror}). Every node must have the images "
                "under the same path as this machine. Use a shared disk, or copy the images to that path on each node."
            ) from error
        if found != sample:
            raise ImageFolderError(
                f"{sample.path}: the file there is a different one ({found.size:,} bytes, expected {sample.size:,}"
                f"{'' if found.size != sample.size else ' of other content'}). Every node must have the same images."
            )
