"""Open stores, one a file, opened anew when the file changes."""

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
        # Those that were replaced, for as long as a rerun that began with them goes on.
        self._replaced: WeakValueDictionary[tuple[Path, Signature], Store] = WeakValueDictionary()

    def store_of(self, source: StoreFile) -> Store:
        """Return a source's store, as its file was when the source was made; it is opened where it is not yet.

        Raises
        ------
        StoreError
            When it is missing, incomplete, damaged or of another version.
        StoreChanged
            When the file was replaced since the source was made: a source that is made now is that of the new one.
        """
        with self._lock:
            held = self._held(source)
        if held is not None:
            return held
        if not comes_to_an_end(source.path):  # outside the lock: others need not wait for it
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
                # Written in place: HDF5 shares what it knows of an open file with whoever opens it again, so it would
                # read the new bytes by the old layout. A replaced file is another inode; another session may be at it.
                store.close()
            else:
                self._replaced[source.path, before] = store
        store = open_store(source.path)
        if store.identity != source.signature and identity_of(source.path) != source.signature:
            raise StoreChanged(f"{source.path}: another store took its place just now. Show the page again.")
        self._open[source.path] = source.signature, store
        return store
