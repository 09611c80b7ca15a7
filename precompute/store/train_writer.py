"""Writing the groups of training images with the code for the images of the run."""

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import ArrayLike

from precompute.store.schema import train_path
from precompute.store.writer import StoreWriter


class TrainWriter:
    """Writes the groups of training images, given the paths of the images of the run.

    Parameters
    ----------
    writer : StoreWriter
        The store's writer.
    """

    def __init__(self, writer: StoreWriter) -> None:
        self._writer = writer

    def describe(self, path: str, facts: Mapping[str, Any]) -> None:
        """See :meth:`precompute.store.writer.StoreWriter.describe`."""
        self._writer.describe(train_path(path), facts)

    def write(self, path: str, values: ArrayLike) -> None:
        """See :meth:`precompute.store.writer.StoreWriter.write`."""
        self._writer.write(train_path(path), values)

    def create(
        self, path: str, shape: tuple[int, ...], *, dtype: np.dtype[Any] | None = None, growing: int = 0
    ) -> h5py.Dataset:
        """See :meth:`precompute.store.writer.StoreWriter.create`."""
        return self._writer.create(train_path(path), shape, dtype=dtype, growing=growing)


Writer = StoreWriter | TrainWriter
"""A writer of the groups of one set of images."""
