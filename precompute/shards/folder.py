"""Side files of a run: one folder of plain arrays a shard, so that an interrupted run loses at most one.

A shard's folder appears under its name only when it is whole. Arrays are read back through memory maps, a block of
rows at a time, so that merging needs no more memory for many images than for few.
"""

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from precompute.errors import DiskError, OptionError

_IDENTITY = "run.json"


class ShardFolder:
    """The side files of one run, beside its store; made by :func:`opened`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def below(self, name: str) -> "ShardFolder":
        """Return a folder of further side files in this one; it is made when the first is written."""
        return ShardFolder(self.path / name)

    def has(self, shard: str) -> bool:
        """Whether a shard is there, whole."""
        return (self.path / shard).is_dir()

    def write(self, shard: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write a shard's arrays; all of them or, after an error, none."""
        half = self.path / f"{shard}.part"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(half / f"{name}.npy", array)
        half.replace(self.path / shard)

    def names(self, shard: str) -> frozenset[str]:
        """Return the names of a shard's arrays."""
        return frozenset(file.stem for file in (self.path / shard).glob("*.npy"))

    def read(self, shard: str, name: str) -> np.ndarray:
        """Return one array as a read-only memory map."""
        return np.load(self.path / shard / f"{name}.npy", mmap_mode="r")

    def read_all(self, shards: Sequence[str], name: str) -> np.ndarray:
        """Return the arrays of several shards, joined along their first axis."""
        return np.concatenate([self.read(shard, name) for shard in shards])

    def settled(self, name: str, value: Any) -> Any:
        """Return what was settled under a name when the run began: `value`, a JSON value, the first time.

        For decisions that rest on a measurement, and could turn out differently when the run goes on.
        """
        file = self.path / f"{name}.json"
        if not file.exists():
            half = file.with_suffix(".part")
            half.write_text(json.dumps(value))
            half.replace(file)
        return json.loads(file.read_text())

    def remove(self) -> None:
        """Delete all side files."""
        shutil.rmtree(self.path, ignore_errors=True)


@contextlib.contextmanager
def opened(path: Path, identity: Mapping[str, Any], *, resume: bool) -> Iterator[ShardFolder]:
    """Open the side files of a run, for this process alone.

    Parameters
    ----------
    path
        Their folder.
    identity
        Everything that decides what the run computes, by the name under which a person knows it; JSON values.
    resume
        Whether to go on with what is there.

    Yields
    ------
    ShardFolder

    Raises
    ------
    OptionError
        When there are side files of another run, or, without `resume`, of any.
    DiskError
        When the folder cannot be made, or another process is at work in it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = (path / "lock").open("w")
    except OSError as error:
        raise DiskError(
            f"{path.parent}: the store cannot be written here ({error.strerror}). Choose another --out."
        ) from error
    with lock:
        _take(lock, path)
        _agree(path, json.loads(json.dumps(identity)), resume=resume)
        yield ShardFolder(path)


def _take(lock: Any, path: Path) -> None:
    if sys.platform == "win32":
        return
    import fcntl  # not there on Windows

    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise DiskError(
            f"{path}: another run is writing the same store. Wait for it, or choose another --out."
        ) from error


def _agree(path: Path, identity: dict[str, Any], *, resume: bool) -> None:
    record = path / _IDENTITY
    if not record.exists() or not any(child.is_dir() and child.suffix != ".part" for child in path.iterdir()):
        for settled in path.glob("*.json"):  # by a run that finished no shard
            settled.unlink()
        half = record.with_suffix(".part")
        half.write_text(json.dumps(identity, indent=1))
        half.replace(record)
        return
    if not resume:
        raise OptionError(
            f"{path} holds the work of a run that was stopped. Add --resume to go on with it, "
            "or delete that folder to start over."
        )
    earlier = json.loads(record.read_text())
    changed = [name for name in identity if earlier.get(name) != identity[name]]
    if changed:
        listed = "; ".join(f"{name} was {earlier.get(name)!r}, now {identity[name]!r}" for name in changed)
        raise OptionError(
            f"--resume goes on with the run as it was started, but {listed}. "
            f"Start it as before, or delete {path} to start over."
        )
