"""Side files of a run: a folder of arrays for each shard that is done, so that a run can be stopped and resumed.

An interrupted run loses only the shards that are being computed. The folder of a shard gets its name when the disk
holds all of it. It names its run and has a checksum of every array; a shard that does not match them, as after a power
cut, is computed again. Arrays are read back through memory maps, a block of rows at a time, so merging many images
needs no more memory than merging few.
"""

import contextlib
import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

import numpy as np

from precompute.errors import DiskError, OptionError
from precompute.store.lock import taken
from precompute.store.place import sync_file, sync_folder
from precompute.words import first_few

Say = Callable[[str], None]

_IDENTITY = "run.json"
_MANIFEST = "shard.json"
_LOCK = "lock"

UNKNOWN_DEVICE = "a device that was not recorded"


def digest_of(value: Any) -> str:
    """Return a checksum of a JSON value: SHA-256, in hexadecimal, of its text with sorted keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


class ShardFolder:
    """The side files of one run, beside its store; made by :func:`open_side_files`.

    Parameters
    ----------
    path
        The folder of the side files.
    run
        A checksum of all that decides the results of the run. Shards with another checksum belong to another run.
    started
        When the run began, ISO 8601 with microseconds, so that no two runs have the same.
    new
        Whether the folder held no shards when it was opened.
    say
        Shows the user a sentence.
    device
        What computes the shards that are written from now on, in words.
    """

    def __init__(
        self, path: Path, run: str, *, started: str, new: bool, say: Say, device: str = UNKNOWN_DEVICE
    ) -> None:
        self.path = path
        self._device = device
        self.started = started
        self.new = new
        self._run = run
        self._say = say
        self._whole: set[str] = set()
        self._before: dict[str, str] = {}  # the run's checksum before something was settled

    def below(self, name: str) -> "ShardFolder":
        """Return a sub-folder for more side files; it is made when the first shard is written."""
        return ShardFolder(
            self.path / name, self._run, started=self.started, new=self.new, say=self._say, device=self._device
        )

    def has(self, shard: str) -> bool:
        """Tell whether a whole shard is there. A damaged one is removed, and the user is told."""
        place = self.path / shard
        if shard not in self._whole and (place.exists() or place.is_symlink()):
            wrong = _what_is_wrong(place, self._run)
            if wrong is None:
                self._whole.add(shard)
            else:
                self._say(f"{place}: {wrong}. This shard is computed again.")
                _remove(place)
        return shard in self._whole

    def write(self, shard: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write the arrays of a shard: all of them or, after an error, none."""
        unfinished = self.path / f"{shard}.part"
        _remove(unfinished)
        unfinished.mkdir(parents=True)
        for name, array in arrays.items():
            np.save(unfinished / f"{name}.npy", array)
        sums = {name: _checksum(unfinished / f"{name}.npy") for name in arrays}
        (unfinished / _MANIFEST).write_text(
            json.dumps({"run": self._run, "device": self._device, "sha256": sums}, indent=1)
        )
        for file in unfinished.iterdir():
            sync_file(file)
        sync_folder(unfinished)
        _remove(self.path / shard)
        unfinished.replace(self.path / shard)
        sync_folder(self.path)
        self._whole.add(shard)

    def names(self, shard: str) -> frozenset[str]:
        """Return the names of a shard's arrays."""
        return frozenset(file.stem for file in (self.path / shard).glob("*.npy"))

    def devices(self) -> dict[str, int]:
        """Return the number of shards by what computed them, in words, in the order of time; sub-folders too."""
        files = sorted(self.path.glob(f"**/{_MANIFEST}"), key=lambda file: file.stat().st_mtime_ns)
        manifests = (json.loads(file.read_bytes()) for file in files)
        return dict(Counter(manifest.get("device", UNKNOWN_DEVICE) for manifest in manifests))

    def read(self, shard: str, name: str) -> np.ndarray:
        """Return one array as a read-only memory map."""
        file = self.path / shard / f"{name}.npy"
        try:
            return np.load(file, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise DiskError(
                f"{file}: this side file of the run can no longer be read ({error}). "
                "Add --resume: this shard is computed again, and all other shards are kept."
            ) from error

    def read_all(self, shards: Sequence[str], name: str) -> np.ndarray:
        """Return the arrays of several shards, joined along their first axis."""
        return np.concatenate([self.read(shard, name) for shard in shards])

    def settled(self, name: str, value: Any) -> Any:
        """Return the decision that was recorded under a name when the run began; the first time, record `value`.

        Use it for a decision that depends on a measurement, so that a resumed run decides in the same way. The shards
        that are written from then on belong to a run with this decision.

        Parameters
        ----------
        name
            What was decided.
        value
            The decision, a JSON value.
        """
        file = self.path / f"{name}.json"
        self._before[name] = self._run
        held = _read_sealed(file)
        if held is None:
            if file.exists():
                self._say(f"{file}: the decision of when the run began cannot be read. The run decides again.")
            held = _write_sealed(file, value)
        self._run = digest_of([self._run, name, held])
        return held

    def settle_anew(self, name: str, value: Any) -> None:
        """Change the decision that was recorded last, under `name`; earlier shards then belong to another run."""
        held = _write_sealed(self.path / f"{name}.json", value)
        self._run = digest_of([self._before[name], name, held])
        self._whole.clear()

    def remove(self) -> None:
        """Delete all side files; the last are the record of the run, and then the lock."""
        last = (_IDENTITY, _LOCK)
        for child in sorted(
            self.path.iterdir(), key=lambda child: last.index(child.name) if child.name in last else -1
        ):
            _remove(child)
        with contextlib.suppress(OSError):  # another run may have begun here as soon as the lock was gone
            self.path.rmdir()


@contextlib.contextmanager
def open_side_files(
    path: Path,
    identity: Mapping[str, Any],
    defaults: Mapping[str, str] = MappingProxyType({}),
    lately: Collection[str] = (),
    *,
    resume: bool,
    say: Say = print,
    device: str = UNKNOWN_DEVICE,
) -> Iterator[ShardFolder]:
    """Open the side files of a run, and keep other processes out of them.

    Parameters
    ----------
    path
        The folder of the side files.
    identity
        Everything that decides what the run computes, by the names that the user knows; JSON values.
    defaults
        What None means in `identity`, by the same names.
    lately
        Names of `identity` that the record of an earlier version may lack: the run goes on without comparing them.
    resume
        Whether to go on from the shards that are there.
    say
        Shows the user a sentence.
    device
        What computes the shards of this part of the run, in words.

    Yields
    ------
    ShardFolder

    Raises
    ------
    OptionError
        If there are shards of another run; without `resume`, if there are any shards.
    DiskError
        If the folder cannot be made, or another process uses it.
    """
    with _locked(path):
        given = json.loads(json.dumps(identity))
        new = not _holds_work(path)
        given = given if new or not resume else _as_recorded(path, given, lately, say)
        started = None if new else _begun_before(path, given, defaults, resume=resume, say=say)
        started = started or _begin(path, given, new=new)
        yield ShardFolder(path, digest_of(given), started=started, new=new, say=say, device=device)


def _locked(path: Path) -> IO[str]:
    """Make the folder if it is not there, and return its lock, held.

    Raises
    ------
    DiskError
        If the folder cannot be made, or another process holds its lock.
    """
    try:
        while True:
            path.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # a run that ended has just removed it
                return taken(path / _LOCK)
    except BlockingIOError as error:
        raise DiskError(
            f"{path}: another run is writing the same store. Wait until it ends, or choose another --out."
        ) from error
    except OSError as error:
        raise DiskError(
            f"{path.parent}: the store cannot be written here ({error.strerror}). Choose another --out."
        ) from error


def _holds_work(path: Path) -> bool:
    return any(child.is_dir() and child.suffix != ".part" for child in path.iterdir())


def start_over(path: Path) -> None:
    """Remove the side files that a stopped run has left.

    Raises
    ------
    DiskError
        If a run is using them.
    """
    if path.is_dir():
        with _locked(path):
            shutil.rmtree(path, ignore_errors=True)


def side_files_of(place: Path) -> Path:
    """Return the folder for the side files of the run that writes the store at `place`."""
    return place.with_name(place.name + ".shards")


def refuse_other(path: Path, identity: Mapping[str, Any], defaults: Mapping[str, str], *, resume: bool) -> None:
    """Refuse what :func:`open_side_files` would refuse, as far as a part of the identity shows it; write nothing.

    Parameters
    ----------
    path, identity, defaults, resume
        As for :func:`open_side_files`. The identity may be a part of the whole.

    Raises
    ------
    OptionError
        If there are shards of another run; without `resume`, if there are any shards.
    """
    if path.is_dir() and _holds_work(path):
        _begun_before(path, json.loads(json.dumps(identity)), defaults, resume=resume, say=lambda _: None)


def _begun_before(
    path: Path, identity: dict[str, Any], defaults: Mapping[str, str], *, resume: bool, say: Say
) -> str | None:
    """Return when the run began whose shards are there; None if its record cannot be read."""
    if not resume:
        raise OptionError(
            f"{path} holds the shards of a run that was stopped. Add --resume to go on with that run, "
            "or delete the folder to start over."
        )
    held = _read_sealed(path / _IDENTITY)
    if held is None:
        say(f"{path / _IDENTITY} cannot be read. The run keeps the shards that say themselves that they belong to it.")
        return None
    earlier = held["identity"]
    changed = [name for name in identity if earlier.get(name) != identity[name]]
    if changed:
        changes = "; ".join(_change(name, earlier, identity, defaults) for name in changed)
        raise OptionError(
            f"--resume goes on with the run as it was started, but {changes}. "
            f"Use the same options, files and versions as before, or delete {path} to start over."
        )
    return held["started"]


def _as_recorded(path: Path, identity: dict[str, Any], lately: Collection[str], say: Say) -> dict[str, Any]:
    """Return an identity without what the record of an earlier version lacks, and say that this is not compared."""
    held = _read_sealed(path / _IDENTITY)
    missing = [name for name in identity if name in lately and held is not None and name not in held["identity"]]
    if missing:
        say(f"The record of the stopped run does not say {first_few(missing, 3)}: what changed there is not known.")
    return {name: value for name, value in identity.items() if name not in missing}


def _change(name: str, before: Mapping[str, Any], now: Mapping[str, Any], defaults: Mapping[str, str]) -> str:
    """Say what changed: the old and new value of an option; of files and libraries which ones; else only that."""
    if name not in before:
        return f"its record does not say {name}"
    was, is_now = before[name], now[name]
    if isinstance(was, dict) and isinstance(is_now, dict):
        return f"{name} changed ({first_few(sorted(n for n in was | is_now if was.get(n) != is_now.get(n)), 3)})"
    if name not in defaults:
        return f"{name} changed"
    return f"{name} was {_meaning(was, defaults[name])}, now {_meaning(is_now, defaults[name])}"


def _meaning(value: Any, default: str) -> str:
    if value is None:
        return f"the default{f' ({default})' if default else ''}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "given" if value else "not given"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _begin(path: Path, identity: dict[str, Any], *, new: bool) -> str:
    """Record that a run begins now, and return the time."""
    for decision in path.glob("*.json") if new else ():  # of an earlier run that finished no shard
        decision.unlink()
    started = datetime.now(UTC).isoformat(timespec="microseconds")
    _write_sealed(path / _IDENTITY, {"started": started, "identity": identity})
    return started


# Single files


def _what_is_wrong(shard: Path, run: str) -> str | None:
    """Say why a shard that is there cannot be used; None if it can."""
    try:
        manifest = json.loads((shard / _MANIFEST).read_bytes())
        sums = dict(manifest["sha256"])
        if manifest["run"] != run:
            return "it belongs to another run"
        wrong = sorted(name for name, digest in sums.items() if _checksum(shard / f"{name}.npy") != digest)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        return f"it cannot be read ({type(error).__name__})"
    return f"{wrong[0]} has changed since it was written" if wrong else None


def _checksum(file: Path) -> str:
    with file.open("rb") as opened_file:
        return hashlib.file_digest(opened_file, "sha256").hexdigest()


def _write_sealed(file: Path, value: Any) -> Any:
    """Write a JSON value and its checksum, whole or not at all; return the value as it will be read back."""
    unfinished = file.with_suffix(".part")
    unfinished.write_text(json.dumps({"value": value, "sha256": digest_of(value)}, indent=1))
    sync_file(unfinished)
    unfinished.replace(file)
    sync_folder(file.parent)
    return json.loads(json.dumps(value))


def _read_sealed(file: Path) -> Any:
    """Return the value in a file of :func:`_write_sealed`; None if the file cannot be read or was changed."""
    try:
        held = json.loads(file.read_bytes())
        return held["value"] if digest_of(held["value"]) == held["sha256"] else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def array_name(number: int, *parts: str) -> str:
    """Return the name of an array of one layer, which begins with the layer's number in the run."""
    return "-".join((f"layer{number}", *parts))
