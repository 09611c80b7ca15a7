"""The store's only writer: it writes beside the destination, checks, stamps as complete, and moves into place.

A run that fails leaves an earlier store at the destination as it was.
"""

import os
from collections.abc import Collection, Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike

from precompute.errors import DiskError, StoreChanged, StoreDamaged
from precompute.store import check, disk, place, schema
from precompute.store.facts import fixed, read_facts, short_provenance, write_facts
from precompute.store.read_errors import lacks_handles, without_handles
from precompute.store.reader import Store
from precompute.store.stamps import stamp
from precompute.store.storefile import Indexed, StoreFile, identity_of_open, open_file, opened_apart

# Below this many values compression costs more than it saves.
_SMALL = 1024


class StoreWriter:
    """Writes one store; a context manager that removes what it wrote unless :meth:`finish` was reached.

    Parameters
    ----------
    destination : Path
        Where the finished store goes. Until then the file is ``<destination>.part`` in the same folder.
    part : Path, optional
        Another place for the file until then, on the same disk.

    Raises
    ------
    DiskError
        Where the folder cannot be written, the disk is full or too many files are open.
    """

    def __init__(self, destination: Path, *, part: Path | None = None) -> None:
        self.destination = destination
        self.part = part or destination.with_name(destination.name + ".part")
        self._instead_of: place.Identity | None = None
        self._held = ExitStack()
        self._sealed = False

    def __enter__(self) -> Self:
        try:
            place.remove_left(self.destination)
            self.part.unlink(missing_ok=True)
            # Without a chunk cache a block that the disk refuses raises where it is assigned. HDF5 would otherwise
            # write it when the dataset is dropped, where no error can be raised.
            self._file = h5py.File(self.part, "w", locking=False, rdcc_nbytes=0)
            place.keep_rights(self.part, self.destination)
        except OSError as error:
            with suppress(OSError):
                self.part.unlink(missing_ok=True)  # a full disk leaves an empty file
            if lacks_handles(error):
                raise DiskError(without_handles(self.destination, "written")) from error
            raise DiskError(
                f"{self.destination}: the store cannot be written here ({disk.reason(error)}). Choose another place."
            ) from error
        try:
            with place.taken_away(self.destination):
                self._held.enter_context(place.held(self.part))
        except StoreChanged:
            self._abandon()
            raise
        created = datetime.now(UTC).isoformat(timespec="seconds")
        write_facts(
            self._file, {"format": schema.FORMAT, "version": schema.VERSION, "complete": False, "created": created}
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._file:
            self._abandon()
        elif self._sealed:
            self.part.unlink(missing_ok=True)
        self._held.close()
        if error is not None and lacks_handles(error):
            raise DiskError(without_handles(self.destination, "written")) from error
        if error is not None and disk.refuses(error):
            raise DiskError(
                f"{self.destination}: the disk refuses the store ({disk.reason(error)}). What was there before is "
                "untouched. Make room and try again (`run` goes on with --resume), or choose another place."
            ) from error

    def _abandon(self) -> None:
        # On a full disk HDF5 cannot close the file and reports it until the process ends. Truncating the file makes
        # room.
        with suppress(OSError):
            os.truncate(self.part, 0)
        with suppress(OSError, RuntimeError):
            self._file.close()
        self.part.unlink(missing_ok=True)

    def take_over(self, source: Path, *, without: Collection[str], only: place.Identity | None = None) -> None:
        """Copy another store without some of its items, in compressed form, so that nothing changes.

        The file at the destination is replaced only if it is still that store when this one is finished.

        Parameters
        ----------
        source : Path
            A store.
        without : collection of str
            Paths of groups and datasets to leave out, such as those that will be written again.
        only : Identity, optional
            The identity that the file must have, because the new data depend on it.

        Raises
        ------
        StoreChanged
            Where another file is there.
        StoreMissing, StoreDamaged
            Where it cannot be opened, or is not as it was written; new stamps would hide that.
        """
        with open_file(source) as old:
            self._instead_of = identity_of_open(old, source)
            if only not in (None, self._instead_of):
                raise place.replaced(source)
            check.refuse_changed_file(old, source)
            with opened_apart(old, source) as apart:
                _copy(apart, self._file, without)
        self._file.attrs["complete"] = False

    def written(self, elsewhere: Mapping[str, Indexed] = MappingProxyType({})) -> Store:
        """Return a reader of the data written so far, valid until the next call of the writer; do not close it.

        Parameters
        ----------
        elsewhere : mapping, optional
            Data that the store will not hold but the reader can read, by path.
        """
        # Messages name the destination, which the user knows.
        return Store(StoreFile(self.destination, self._file, elsewhere=elsewhere))

    def remove(self, paths: Collection[str]) -> None:
        """Remove groups and datasets, if they are there."""
        for path in paths:
            if path in self._file:
                del self._file[path]

    def describe(self, path: str, facts: Mapping[str, Any]) -> None:
        """Write facts (small scalars or short lists) on a group or dataset; make the group if it does not exist."""
        target = self._file[path] if path in self._file else self._file.create_group(path)
        write_facts(target, facts)

    def write(self, path: str, values: ArrayLike) -> None:
        """Write a whole dataset.

        Parameters
        ----------
        path : str
            A path of the format.
        values : array_like
            The values; they are converted to the format's type.

        Raises
        ------
        TypeError
            Where the conversion would lose more than precision, as from fractions to indices.
        """
        entry = _entry(path)
        if entry.dtype == schema.STRING:
            array = fixed(values)
        elif entry.dtype == schema.ANY:
            array = np.asarray(values)
        else:
            array = np.asarray(values).astype(entry.dtype, casting="same_kind")
        open_type = entry.dtype in (schema.ANY, schema.STRING)
        dataset = self.create(path, array.shape, dtype=array.dtype if open_type else None)
        if array.size:
            dataset[...] = array
        self._file.flush()

    def create(
        self, path: str, shape: tuple[int, ...], *, dtype: np.dtype[Any] | None = None, growing: int = 0
    ) -> h5py.Dataset:
        """Make a dataset to be filled block by block; datasets by unit have chunks of one unit.

        Parameters
        ----------
        path : str
            A path of the format.
        shape : tuple of int
            Its length along each axis.
        dtype : numpy.dtype, optional
            Needed only where the format leaves open the type, or the length of texts.
        growing : int, optional
            For a list that grows by ``resize`` while it is filled: the length of its chunks.

        Returns
        -------
        h5py.Dataset
            Assign to slices of it. In floating-point datasets, values that are never assigned are NaN.
        """
        entry = _entry(path)
        kind = dtype if dtype is not None else entry.dtype
        options = _options(entry, shape)
        if growing:
            options = {"chunks": (growing,), "maxshape": (None,), "fletcher32": True}
        if isinstance(kind, str) and kind.startswith("f"):
            options["fillvalue"] = np.nan
        dataset = self._file.create_dataset(path, shape, dtype=kind, **options)
        write_facts(dataset, {"axes": entry.axes, "unit": entry.unit, "doc": entry.doc})
        return dataset

    def finish(self, provenance: str | None = None) -> None:
        """Check the store, stamp it complete and move it to its destination.

        Parameters
        ----------
        provenance : str, optional
            JSON text that says how the store came to be; by default that of the store in :meth:`take_over`.

        Raises
        ------
        StoreDamaged
            Where the check finds a problem; the destination is untouched.
        StoreChanged
            Where the destination is no longer the store that :meth:`take_over` copied.
        DiskError
            Where the store cannot be moved into place.
        """
        if provenance is not None:
            self._keep(provenance)
        stamp(self._file)
        self._file.flush()
        problems = check.problems_of(self._file, just_stamped=True)
        if problems:
            listed = "; ".join(str(problem) for problem in problems[:5])
            raise StoreDamaged(
                f"{self.part}: the new store failed its own check and was not moved into place: {listed}."
            )
        self._file.attrs["complete"] = True
        self._file.flush()
        self._file.close()
        self._sealed = True
        with place.taken_away(self.destination):
            place.sync_file(self.part)
        try:
            place.put(self.part, self.destination, instead_of=self._instead_of)
        except OSError as error:
            raise DiskError(
                f"{self.destination}: the store cannot be moved into place ({disk.reason(error)})."
            ) from error
        self._sealed = False

    def _keep(self, provenance: str) -> None:
        short = short_provenance(provenance)
        write_facts(self._file, {"provenance": short})
        if "/provenance" in self._file:  # of a store that was taken over
            del self._file["/provenance"]
        if short != provenance:
            self.write("/provenance", np.frombuffer(provenance.encode(), dtype=np.uint8))


def _copy(old: h5py.Group, new: h5py.Group, without: Collection[str]) -> None:
    write_facts(new, read_facts(old))
    for name in old:
        path = f"{old.name.rstrip('/')}/{name}"
        if any(left_out.startswith(f"{path}/") for left_out in without):
            _copy(old[name], new.create_group(name), without)
        elif path not in without:
            old.copy(name, new, expand_external=True, expand_soft=True)


def _entry(path: str) -> schema.Entry:
    entry = schema.entry_for(path)
    if entry is None:
        raise ValueError(f"Expected a path of the store's format, but got {path!r}.")
    return entry


def _options(entry: schema.Entry, shape: tuple[int, ...]) -> dict[str, Any]:
    """Choose the storage layout: always with a checksum, compressed where that saves space."""
    if not np.prod(shape, dtype=np.int64) or not shape:
        return {}
    by_unit = entry.axes[:1] == ("unit",) and len(shape) > 1
    layout: dict[str, Any] = {"chunks": (1, *shape[1:]) if by_unit else True, "fletcher32": True}
    if np.prod(shape, dtype=np.int64) > _SMALL:
        layout |= {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    return layout
