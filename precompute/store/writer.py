"""The store's only writer: beside its destination, checked, stamped complete, then moved into place.

A run that fails leaves an earlier store at the destination as it was.
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import ArrayLike

from precompute.errors import DiskError, StoreDamaged
from precompute.store import check, schema

_DTYPES = {
    schema.STRING: h5py.string_dtype("utf-8"),
    schema.BYTES: h5py.vlen_dtype(np.uint8),
}
# Below this many values compression costs more than it saves.
_SMALL = 1024


class StoreWriter:
    """Writes one store; a context manager that removes what it wrote unless :meth:`finish` was reached.

    Parameters
    ----------
    destination : Path
        Where the finished store goes. Until then the file is ``<destination>.part`` in the same folder.

    Raises
    ------
    DiskError
        When the folder cannot be written.
    """

    def __init__(self, destination: Path) -> None:
        self.destination = destination
        self.part = destination.with_name(destination.name + ".part")

    def __enter__(self) -> Self:
        try:
            self.part.unlink(missing_ok=True)
            self._file = h5py.File(self.part, "w", locking=False)
        except OSError as error:
            raise DiskError(f"{self.destination}: the store cannot be written here ({_reason(error)}).") from error
        self._file.attrs.update({"format": schema.FORMAT, "version": schema.VERSION, "complete": False})
        self._file.attrs["created"] = datetime.now(UTC).isoformat(timespec="seconds")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        self.part.unlink(missing_ok=True)

    def describe(self, path: str, facts: Mapping[str, Any]) -> None:
        """Stamp facts (small scalars or short lists) on a group or dataset, making the group if need be."""
        target = self._file[path] if path in self._file else self._file.create_group(path)
        target.attrs.update(facts)

    def write(self, path: str, values: ArrayLike) -> None:
        """Write a whole dataset.

        Parameters
        ----------
        path : str
            A path of the format.
        values : array_like
            Converted to the format's type. Bytes go through :meth:`create` and :func:`put_bytes`.
        """
        entry = _entry(path)
        if entry.dtype == schema.STRING:
            array = np.asarray(values, dtype=object)
        elif entry.dtype == schema.ANY:
            array = np.asarray(values)
        else:
            array = np.asarray(values).astype(entry.dtype)
        dataset = self.create(path, array.shape, dtype=array.dtype if entry.dtype == schema.ANY else None)
        if array.size:
            dataset[...] = array

    def create(self, path: str, shape: tuple[int, ...], *, dtype: np.dtype[Any] | None = None) -> h5py.Dataset:
        """Make a dataset that is filled block by block, in chunks of one unit.

        Parameters
        ----------
        path : str
            A path of the format.
        shape : tuple of int
            Its size along each axis.
        dtype : numpy.dtype, optional
            Needed only where the format leaves the type open.

        Returns
        -------
        h5py.Dataset
            Assign to slices of it. Values never assigned are NaN in floating-point datasets.
        """
        entry = _entry(path)
        kind = dtype if dtype is not None else _DTYPES.get(entry.dtype, entry.dtype)
        options: dict[str, Any] = {}
        if np.prod(shape, dtype=np.int64) > _SMALL and isinstance(kind, str | np.dtype) and entry.dtype not in _DTYPES:
            options = {"chunks": _chunks(entry, shape), "compression": "gzip", "compression_opts": 4, "shuffle": True}
            options["fletcher32"] = True
        if isinstance(kind, str) and kind.startswith("f"):
            options["fillvalue"] = np.nan
        dataset = self._file.create_dataset(path, shape, dtype=kind, **options)
        dataset.attrs.update({"axes": list(entry.axes), "unit": entry.unit, "doc": entry.doc})
        return dataset

    def finish(self, provenance: str) -> None:
        """Check the store, stamp it complete and move it to its destination.

        Parameters
        ----------
        provenance : str
            JSON text that says how the store came to be.

        Raises
        ------
        StoreDamaged
            When the check finds anything; the destination is untouched.
        DiskError
            When the store cannot be moved into place.
        """
        self._file.attrs["provenance"] = provenance
        problems = check.problems_of(self._file)
        if problems:
            listed = "; ".join(str(problem) for problem in problems[:5])
            raise StoreDamaged(
                f"{self.part}: the new store failed its own check and was not moved into place: {listed}."
            )
        self._file.attrs["complete"] = True
        self._file.close()
        try:
            _flush_to_disk(self.part)
            self.part.replace(self.destination)
        except OSError as error:
            raise DiskError(f"{self.destination}: the store cannot be moved into place ({_reason(error)}).") from error


def put_bytes(dataset: h5py.Dataset, position: int, value: bytes) -> None:
    """Store bytes, such as an encoded picture, in one element of a dataset made by :meth:`StoreWriter.create`."""
    dataset[position] = np.frombuffer(value, dtype=np.uint8)


def _entry(path: str) -> schema.Entry:
    entry = schema.entry_for(path)
    if entry is None:
        raise ValueError(f"Expected a path of the store's format, but got {path!r}.")
    return entry


def _chunks(entry: schema.Entry, shape: tuple[int, ...]) -> tuple[int, ...] | bool:
    if entry.axes[:1] == ("unit",) and len(shape) > 1:
        return (1, *(max(1, size) for size in shape[1:]))
    return True


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _flush_to_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())
