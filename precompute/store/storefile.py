"""An HDF5 file whose faults are reported as sentences; the reader builds on it."""

import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.errors import StoreChanged, StoreDamaged, StoreMissing
from precompute.store import soundness
from precompute.store.facts import read_fact, read_facts
from precompute.store.place import Identity, identity_of, replaced
from precompute.store.probe import comes_to_an_end
from precompute.store.read_errors import may_be_damage

_T = TypeVar("_T")


class Indexed(Protocol):
    """Anything that returns an array when it is indexed, as a dataset does."""

    def __getitem__(self, selection: Any, /) -> NDArray[Any]: ...


def open_file(path: Path) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises
    ------
    StoreMissing
        There is no such file.
    StoreDamaged
        It is truncated, empty, not HDF5 or cannot be read.
    """
    size = None
    try:
        facts = path.stat()
        size = facts.st_size
        if not stat.S_ISREG(facts.st_mode) and not stat.S_ISDIR(facts.st_mode):
            # Opening a pipe waits for whoever writes to it, for ever.
            raise StoreMissing(f"{path}: this is not a file but a pipe, a socket or a device. Name a store.")
        # A complete store is only ever replaced, never written in place, so it needs no lock; network disks have none.
        return h5py.File(path, "r", locking=False)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreMissing(f"{path}: there is no such file. `python -m precompute run` writes stores.") from error
    except IsADirectoryError as error:
        raise StoreMissing(f"{path}: this is a folder. Name a store in it.") from error
    except PermissionError as error:
        raise StoreDamaged(f"{path}: the file may not be read ({error.strerror}). Ask for access to it.") from error
    except Exception as error:
        if not may_be_damage(error):
            raise
        raise StoreDamaged(f"{path}: {_why_not_opened(size, error)}") from error


def identity_of_open(file: h5py.File, path: Path) -> Identity:
    """Return the identity of an open file; `path` is the path that it was opened by."""
    # On Windows an open file cannot be replaced, and HDF5's handle numbers are not those of the system.
    return identity_of(path if sys.platform == "win32" else file.id.get_vfd_handle())


@contextmanager
def opened_apart(file: h5py.File, path: Path) -> Iterator[h5py.File]:
    """Open an open file once more, sharing nothing with other openings of it in this process.

    Datasets must be copied from such a file. HDF5 2.0 otherwise copies a compressed block from the memory of any
    opening that has read it, where it is larger, into room for the compressed block: it writes beyond that room.

    Raises
    ------
    StoreChanged
        If another file has taken the place of the open one.
    """
    with path.open("rb") as raw, h5py.File(raw, "r") as apart:
        if identity_of(raw.fileno()) != identity_of_open(file, path):
            raise replaced(path)
        yield apart


def _why_not_opened(size: int | None, error: Exception) -> str:
    reason = str(error)
    if size is None:
        return f"no file can be reached by this path ({getattr(error, 'strerror', reason)}). Name a store."
    if size == 0:
        return "the file is empty. Copy it again, or build the store again."
    if "signature" in reason:
        return "this is not an HDF5 file, so not a store. Choose a file that `python -m precompute run` wrote."
    if "truncated" in reason:
        return "the file is truncated, part of it is missing. Copy it again, or build the store again."
    return f"the file's beginning is damaged ({reason}). Copy it again, or build the store again."


class StoreFile:
    """Reads by path; anything missing or damaged raises :class:`StoreDamaged` with its place.

    Parameters
    ----------
    path : Path
        Path of the file, for messages.
    file : h5py.File
        The open file, or a view of it.
    named : callable, optional
        Returns the real path in the file that a path stands for, for messages.
    elsewhere : mapping, optional
        Parts of the store that lie outside its file, by path.
    """

    def __init__(
        self,
        path: Path,
        file: h5py.File,
        *,
        named: Callable[[str], str] = str,
        elsewhere: Mapping[str, Indexed] = MappingProxyType({}),
    ) -> None:
        self.path = path
        self.file = file
        self._named = named
        self._elsewhere = elsewhere
        self._root: h5py.File = getattr(file, "whole", file)
        self._sound: set[str] = set()
        # Of the lists that set axes, by axis, and of layers in units, by path; no store changes them.
        self._lengths: dict[str, int] = {}
        # Opening a dataset takes longer than reading a unit from it.
        self._open: dict[str, h5py.Dataset] = {}

    @property
    def identity(self) -> Identity:
        """The identity of the open file, by which a file that replaces it is noticed."""
        return identity_of_open(self._root, self.path)

    def close(self) -> None:
        """Close the file."""
        self.file.close()

    def read(self, path: str, selection: Any = ...) -> NDArray[Any]:
        """Read a dataset, or a selection of it."""
        if path in self._elsewhere:
            return np.asarray(self._elsewhere[path][selection])
        return self._guarded(path, lambda: self._of_length(path, selection))

    def indices(self, path: str, stop: int, selection: Any = ...) -> NDArray[Any]:
        """Read a dataset of indices, or a selection of it; all must be whole numbers from 0 to `stop` - 1."""
        values = self.read(path, selection)
        if values.dtype.kind not in "iu" or (values.size and (values.min() < 0 or values.max() >= stop)):
            raise self._damaged(path, f"holds values that are not indices from 0 to {stop - 1}")
        return values

    def strings(self, path: str) -> tuple[str, ...]:
        """Read a dataset of strings."""
        return self._guarded(path, lambda: tuple(self.file[path].asstr()[...].tolist()))

    def shape(self, path: str) -> tuple[int, ...]:
        """Shape of a dataset."""
        return self._guarded(path, lambda: tuple(self._dataset(path).shape))

    def length(self, path: str) -> int:
        """Length of a dataset along its first axis."""
        shape = self.shape(path)
        if not shape:
            raise self._damaged(path, "is not a list")
        return shape[0]

    def text(self, path: str, name: str) -> str:
        """Read a fact that is a text."""
        return self._guarded(path, lambda: _text(self.file[path], name), fact=name)

    def integer(self, path: str, name: str) -> int:
        """Read a fact that is a whole number."""
        return self._guarded(path, lambda: int(self.file[path].attrs[name]), fact=name)

    def integers(self, path: str, name: str) -> tuple[int, ...]:
        """Read a fact that is a list of whole numbers."""
        return self._guarded(path, lambda: tuple(int(value) for value in self.file[path].attrs[name]), fact=name)

    def yes(self, path: str, name: str) -> bool:
        """Read a fact that is yes or no; no where it is missing."""
        return self._guarded(path, lambda: bool(self.file[path].attrs.get(name, False)), fact=name)

    def fact(self, path: str, name: str) -> Any:
        """Read a fact of any kind; None where it is missing."""
        return self._guarded(path, lambda: read_fact(self.file[path], name), fact=name)

    def facts(self, path: str) -> dict[str, Any]:
        """Read all facts of a group or dataset."""
        return self._guarded(path, lambda: read_facts(self.file[path]))

    def has(self, path: str) -> bool:
        """Whether there is anything at a path."""
        held = path in self._elsewhere or path in self._open
        return held or self._guarded(path, lambda: path in self.file, look=False)

    def names(self, path: str) -> tuple[str, ...]:
        """Names in a group; none where there is no such group."""
        return self._guarded(path, lambda: _texts(self.file[path]) if path in self.file else ())

    def datasets(self, path: str) -> tuple[str, ...]:
        """Paths of all datasets in a group and the groups inside it, from the group on, in order of name."""
        return self._guarded(path, lambda: _texts(_datasets(self.file[path])))

    def is_text(self, path: str) -> bool:
        """Whether a dataset holds strings."""
        return self._guarded(path, lambda: h5py.check_string_dtype(self.file[path].dtype) is not None)

    def _guarded(self, path: str, read: Callable[[], _T], *, fact: str = "", look: bool = True) -> _T:
        where = f"{path} ({fact})" if fact else path
        try:
            if look:
                self._refuse_unsound(path)
            return read()
        except Exception as error:
            if not self._root:  # the app closes a store whose file was written in place, also under a page that reads
                raise StoreChanged(
                    f"{self.path}: the file, or its rights or names, changed while it was read. Show the page again."
                ) from error
            if isinstance(error, StoreDamaged | IndexError) or not may_be_damage(error):
                raise
            absent = isinstance(error, KeyError) and any(sign in str(error) for sign in ("doesn't exist", "locate"))
            found = "is missing" if absent else f"cannot be read, a part of the file is damaged ({error})"
            raise self._damaged(where, found) from error

    def _damaged(self, path: str, found: str) -> StoreDamaged:
        return StoreDamaged(
            f"{self.path}: {self._named(path)} {found}. `python -m precompute check {self.path}` lists all that is "
            "wrong; copy the file again, or build the store again."
        )

    def _refuse_unsound(self, path: str) -> None:
        """Refuse, before any byte of it is read, an item that no store has; each path is checked once."""
        if path in self._sound:
            return
        real = path if self._named is str else self._named(path)
        for problem in soundness.problems_at(self._root, real):
            raise StoreDamaged(f"{self.path}: {problem}. A store is one file; do not trust where this one comes from.")
        if soundness.is_there(self._root, real):
            if soundness.varies(self._root, real) and not comes_to_an_end(self.path):
                raise StoreDamaged(
                    f"{self.path}: reading it does not come to an end, its structure is damaged. "
                    "Copy the file again, or build the store again."
                )
            sizes = soundness.size_problems(self._root, real, self._sizes(path))
            for problem in (*sizes, *soundness.block_problems(self._root, real)):
                raise self._damaged(path, f"cannot be read ({problem.message})")
        self._sound.add(path)

    def _sizes(self, path: str) -> dict[str, int]:
        """Length of the axes that lists of the store set, as far as they are known."""
        of = {"image": "/images/path", "class": "/classes/name"}
        if path in of.values():
            return {}
        for axis, lists in of.items():
            if axis not in self._lengths and lists in self.file and (shape := self.shape(lists)):
                self._lengths[axis] = shape[0]
        sizes = {axis: self._lengths[axis] for axis in of if axis in self._lengths}
        parts = path.split("/")
        if parts[1] == "layers" and len(parts) > 3:
            layer = "/".join(parts[:3])
            if layer not in self._lengths:
                n_units = self.file[layer].attrs.get("n_units")
                if not isinstance(n_units, np.integer):
                    return sizes
                self._lengths[layer] = int(n_units)
            sizes |= {"unit": self._lengths[layer], "unit+1": self._lengths[layer] + 1}
        return sizes

    def _dataset(self, path: str) -> h5py.Dataset:
        dataset = self._open.get(path)
        if dataset is None:
            dataset = self._open[path] = self.file[path]
        return dataset

    def _of_length(self, path: str, selection: Any) -> NDArray[Any]:
        values = self._dataset(path)[selection]
        if isinstance(values, h5py.Empty):
            raise ValueError("it holds nothing")
        if values.dtype.kind in "Vc":
            raise ValueError(f"it holds {'records' if values.dtype.kind == 'V' else 'complex numbers'}")
        return values


def _texts(names: Iterable[str | bytes]) -> tuple[str, ...]:
    """Return names as texts; h5py returns names that are not UTF-8 as bytes."""
    return tuple(name if isinstance(name, str) else name.decode() for name in names)


def _text(item: h5py.HLObject, name: str) -> str:
    if name not in item.attrs:
        raise KeyError(f"the fact {name} doesn't exist")
    return str(read_fact(item, name))


def _datasets(group: h5py.Group) -> list[str]:
    found: list[str] = []
    group.visititems(lambda name, item: found.append(name) if isinstance(item, h5py.Dataset) else None)
    return found
