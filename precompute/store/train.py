"""Training images in a store: the same groups as for the images of the run, below ``/train``.

The same code reads and checks both sets; only paths differ.
"""

from typing import Any

import h5py

from precompute.store.schema import train_path


class TrainView:
    """A view of an HDF5 file in which paths of the images of the run lead to the training images.

    Parameters
    ----------
    file : h5py.File
        The open file.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self.whole = file

    @property
    def attrs(self) -> h5py.AttributeManager:
        """The file's own facts."""
        return self._file.attrs

    @property
    def id(self) -> Any:
        """What h5py's lower level knows the file by."""
        return self._file.id

    def __contains__(self, path: str) -> bool:
        return train_path(path) in self._file

    def __getitem__(self, path: str) -> Any:
        return self._file[train_path(path)]

    def get(self, path: str) -> Any:
        """Return the item at a path, or None."""
        return self._file.get(train_path(path))
