"""Open stores, one for each file, opened again when the file changes."""

from pathlib import Path
from threading import Lock
from weakref import WeakValueDictionary

from explorer.store_files import StoreFile
from precompute.errors import StoreChanged, StoreDamaged
from precompute.store.place import Identity, identity_of
from precompute.store.probe import comes_to_an_end
from precompute.store.reader import Store, open_store

Signature = Identity


class StorePool:
    """The stores that the app has open, shared by all sessions."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._open: dict[Path, tuple[Signature, Store]] = {}
        # Replaced stores, for as long as a rerun that began with them still uses them.
        self._replaced: WeakValueDictionary[tuple[Path, Signature], Store] = WeakValueDictionary()

    def store_of(self, source: StoreFile) -> Store:
        """Return the open store of a file as it was when `source` was made; open it if it is not open yet.

        Raises
        ------
        StoreError
            When it is missing, incomplete, damaged or of another version.
        StoreChanged
            Where the file was replaced since `source` was made; a `StoreFile` made now is of the new file.
        """
        with self._lock:
            held = self._held(source)
        if held is not None:
            return held
        if not comes_to_an_end(source.path):  # outside the lock, so that others do not wait
            raise StoreDamaged(
                f"{source.path}: reading it does not come to an end, its structure is damaged. "
                "Copy the file again, or build the store again."
            )
        with self._lock:
            held = self._held(source)
            return self._opened(source) if held is None else held

    def _held(self, source: StoreFile) -> Store | None:
        before, store = self._open.get(source.path, (None, None))
        return store if before == source.signature else self._replaced.get((source.path, source.signature))

    def _opened(self, source: StoreFile) -> Store:
        if identity_of(source.path) != source.signature:
            raise StoreChanged(f"{source.path}: another store took its place just now. Show the page again.")
        before, store = self._open.pop(source.path, (None, None))
        if store is not None and before is not None:
            if before[0] == source.signature[0]:
                # The same inode was written in place, or its rights or names changed, which looks the same. HDF5
                # shares the layout of an open file when it is opened again, so it would read the new bytes by the old
                # layout. A replaced file has another inode; a session may still use the old one.
                store.close()
            else:
                self._replaced[source.path, before] = store
        store = open_store(source.path)
        if store.identity != source.signature and identity_of(source.path) != source.signature:
            raise StoreChanged(f"{source.path}: another store took its place just now. Show the page again.")
        self._open[source.path] = source.signature, store
        return store
