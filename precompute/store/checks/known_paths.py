"""A view of a file that looks up no path twice: a check asks for the same paths again and again."""

from collections.abc import Callable
from typing import Any

import h5py

_SMALL = 64 * 1024  # bytes


class KnownPaths:
    """A view of an HDF5 file that remembers what lies at a path, for as long as nobody writes to the file.

    It keeps groups and small datasets open, but no large dataset, which holds up to a megabyte that was read from it.

    Parameters
    ----------
    file : h5py.File or TrainView
        The open file, or a view of it.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._held: dict[str, bool] = {}
        self._opened: dict[str, h5py.Group | h5py.Dataset] = {}
        self._names: dict[str, tuple[str, ...]] = {}
        self._instances: dict[str, list[str]] = {}

    @property
    def attrs(self) -> h5py.AttributeManager:
        """The file's own facts."""
        return self._file.attrs

    @property
    def id(self) -> Any:
        """What h5py's lower level knows the file by."""
        return self._file.id

    def __contains__(self, path: str) -> bool:
        if path not in self._held:
            above, _, name = path.rpartition("/")
            # One listing of a group serves all that is asked of it; looking up a path takes far longer.
            self._held[path] = name in self.names(above) if above and name else path in self._file
        return self._held[path]

    def __getitem__(self, path: str) -> Any:
        held = self._opened.get(path)
        return self._kept(path, self._file[path]) if held is None else held

    def get(self, path: str) -> Any:
        """Return the item at a path, or None."""
        if path in self._opened:
            return self._opened[path]
        if self._held.get(path) is False:
            return None
        return self._kept(path, self._file.get(path))

    def names(self, path: str) -> tuple[str, ...]:
        """List the names in a group; none where there is no such group."""
        if path not in self._names:
            group = self.get(path)
            self._names[path] = tuple(group) if isinstance(group, h5py.Group) else ()
        return self._names[path]

    def instances(self, pattern: str, find: Callable[[], list[str]]) -> list[str]:
        """Return the paths that a pattern stands for, as `find` found them the first time."""
        if pattern not in self._instances:
            self._instances[pattern] = find()
        return list(self._instances[pattern])

    def _kept(self, path: str, item: Any) -> Any:
        if isinstance(item, h5py.Group) or (isinstance(item, h5py.Dataset) and item.size and item.nbytes <= _SMALL):
            self._opened[path], self._held[path] = item, True
        return item
