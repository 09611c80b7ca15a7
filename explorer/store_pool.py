"""Open stores, one a file, opened anew when the file changes."""

from pathlib import Path
from threading import Lock

from explorer.store_files import StoreFile
from precompute.errors import StoreDamaged
from precompute.store.probe import comes_to_an_end
from precompute.store.reader import Store, open_store

Signature = tuple[int, int, int]


class StorePool:
    """The stores that the app has open, shared by all sessions."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: dict[Path, tuple[Signature, Store]] = {}

    def store_of(self, source: StoreFile) -> Store:
        """Return a source's store, opened anew when its file has changed since.

        Raises
        ------
        StoreError
            When it is missing, incomplete, damaged or of another version.
        """
        signature = source.signature
        if not comes_to_an_end(source.path):  # outside the lock: others need not wait for it
            raise StoreDamaged(
                f"{source.path}: reading it does not come to an end, its structure is damaged. "
                "Copy the file again, or build the store again."
            )
        with self._lock:
            before, store = self._open.get(source.path, (None, None))
            if store is not None and before == signature:
                return store
            if store is not None and before is not None and before[0] == signature[0]:
                # Written in place: HDF5 shares what it knows of an open file with whoever opens it again, so it would
                # read the new bytes by the old layout. A replaced file is another inode; its handle is only dropped,
                # for another session may be reading it.
                store.close()
            self._open.pop(source.path, None)
            store = open_store(source.path)
            self._open[source.path] = signature, store
            return store
