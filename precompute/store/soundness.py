"""Soundness: a store is a single file, and no larger than its lists allow.

An HDF5 file can lead to other files (external links, external storage, virtual datasets) and back into itself (soft and
hard links), and can declare terabytes that it does not hold. A store has none of this, but a file from a stranger may.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import h5py
import numpy as np

from precompute.store import schema
from precompute.store.checks.rules import Problem
from precompute.store.renamed import current

_FREE_BYTES = 16 * 1024**2
# gzip compresses at most 1032 to 1; sorted distinct names stay far below the second number.
_PACKED, _NAMES_PACKED = 1100, 16
_CHECKSUM_BYTES = 4
_OF_EQUAL_SIZE = (h5py.h5z.FILTER_FLETCHER32, h5py.h5z.FILTER_SHUFFLE)


def problems_at(file: h5py.File, path: str) -> Iterator[Problem]:
    """Find forbidden items on the way to a path and in the dataset there; nothing where there is no dataset."""
    parts = [part for part in path.split("/") if part]
    for stop in range(1, len(parts) + 1):
        step = "/" + "/".join(parts[:stop])
        kind = _link_kind(file, step)
        if kind is None:
            return
        if kind != h5py.h5l.TYPE_HARD:
            yield _leads_away(step)
            return
    yield from _problems_of(h5py.h5o.open(file.id, _encoded(path)), path)


def is_there(file: h5py.File, path: str) -> bool:
    """Whether there is anything at a path on which :func:`problems_at` finds nothing."""
    return not path.strip("/") or _link_kind(file, path) is not None


def varies(file: h5py.File, path: str) -> bool:
    """Whether an item, or one of its facts, has variable length and so lies in a heap."""
    return _varies(h5py.h5o.open(file.id, _encoded(path)))


def size_problems(file: h5py.File, path: str, sizes: dict[str, int]) -> Iterator[Problem]:
    """Find axes of a dataset that do not match the lists of the store, or exceed the size of maps.

    Parameters
    ----------
    file : h5py.File
        The store.
    path : str
        The path of the dataset.
    sizes : dict
        Lengths of axes, as far as they are known.
    """
    entry, item = schema.entry_for(current(path)), h5py.h5o.open(file.id, _encoded(path))
    if entry is None or not entry.axes or not isinstance(item, h5py.h5d.DatasetID):
        return
    shape = item.shape or ()
    if len(shape) != len(entry.axes) and not _varies_in_older_stores(path):
        yield Problem(path, f"expected the axes {entry.axes}, found the shape {shape}")
        return
    loose = path.startswith("/experiments/")  # experiments may use axes with lengths of their own
    for axis, size in zip(entry.axes, shape, strict=False):
        most = entry.max_side if entry.max_side and axis in ("row", "column") else sizes.get(axis, size)
        if size > most or (size < most and axis in sizes and not loose):
            yield Problem(path, f"expected {most} along the axis {axis!r}, found {size}")


def block_problems(file: h5py.File, path: str) -> Iterator[Problem]:
    """Find blocks of a dataset that cannot be what the file says of them.

    HDF5 2.0 takes the size of a block as the file gives it: it reads beyond its memory where that is less than the
    checksum, or, without compression, less than the values take.
    """
    yield from _block_problems(h5py.h5o.open(file.id, _encoded(path)), path, file.id.get_filesize())


def all_problems(file: h5py.File) -> tuple[list[Problem], bool]:
    """Find everything in a file that a store must not have, by walking along its hard links.

    Returns
    -------
    problems : list of Problem
        Empty for a sound file.
    varies : bool
        Whether anything in a sound file has variable length; not looked for any more once a problem is found.
    """
    walk = _Walk(file.id.get_filesize())
    walk.through(h5py.h5o.open(file.id, b"/"), "/", [])
    return walk.found, walk.varies


class _Walk:
    """A walk through a file of `size` bytes, which opens every item once."""

    def __init__(self, size: int) -> None:
        self.found: list[Problem] = []
        self.varies = False
        self._size = size

    def through(self, item: Any, path: str, above: list[object]) -> None:
        """Look at an item without problems of its own, and at all that lies in it; `above` are addresses of groups."""
        if not self.found and not self.varies:
            self.varies = _varies(item)
        if not isinstance(item, h5py.h5g.GroupID):
            return
        address = h5py.h5o.get_info(item).addr
        if address in above:
            self.found.append(Problem(path, "it leads back to a group that it lies in"))
            return
        for name in item:
            self._into(item, name, path, [*above, address])

    def _into(self, group: h5py.h5g.GroupID, name: bytes, path: str, above: list[object]) -> None:
        inner = f"{path.rstrip('/')}/{name.decode('utf-8', 'surrogateescape')}"
        if not _is_text(name):
            self.found.append(Problem(inner, "its name is not UTF-8"))
        elif group.links.get_info(name).type != h5py.h5l.TYPE_HARD:
            self.found.append(_leads_away(inner))
        else:
            item = h5py.h5o.open(group, name)
            wrong = list(_problems_of(item, inner)) or list(_block_problems(item, inner, self._size))
            self.found += wrong
            if not wrong:
                self.through(item, inner, above)


def _leads_away(path: str) -> Problem:
    return Problem(path, "it is a link to another place or file, which a store must not have")


def _problems_of(item: Any, path: str) -> Iterator[Problem]:
    if isinstance(item, h5py.h5d.DatasetID):
        yield from _storage_problems(item, path)
    elif not isinstance(item, h5py.h5g.GroupID):
        yield Problem(path, "it is neither a group nor a dataset, and a store has nothing else")


def _varies(item: Any) -> bool:
    kinds = [h5py.h5a.open(item, index=index).get_type() for index in range(h5py.h5a.get_num_attrs(item))]
    if isinstance(item, h5py.h5d.DatasetID):
        kinds.append(item.get_type())
    return any(map(_kind_varies, kinds))


def _block_problems(item: Any, path: str, end: int) -> Iterator[Problem]:
    if not isinstance(item, h5py.h5d.DatasetID) or item.get_create_plist().get_layout() != h5py.h5d.CHUNKED:
        return
    plist = item.get_create_plist()
    kinds = [plist.get_filter(index)[0] for index in range(plist.get_nfilters())]
    whole, wrong = int(np.prod(plist.get_chunk())) * item.get_type().get_size(), 0

    def look(block: h5py.h5d.StoreInfo) -> None:
        nonlocal wrong
        used = [kind for index, kind in enumerate(kinds) if not block.filter_mask >> index & 1]
        values = block.size - (_CHECKSUM_BYTES if h5py.h5z.FILTER_FLETCHER32 in used else 0)
        packed = any(kind not in _OF_EQUAL_SIZE for kind in used)
        possible = values > 0 if packed else values == whole
        wrong += not possible or block.byte_offset is None or block.byte_offset + block.size > end

    with suppress(OSError, RuntimeError, ValueError):  # an index that cannot be read, as whoever reads values is told
        item.chunk_iter(look)
    if wrong:
        blocks = "1 block" if wrong == 1 else f"{wrong} blocks"
        yield Problem(path, f"{blocks} of it {'has' if wrong == 1 else 'have'} an impossible size or place in the file")


def _storage_problems(item: h5py.h5d.DatasetID, path: str) -> Iterator[Problem]:
    plist = item.get_create_plist()
    if plist.get_layout() not in (h5py.h5d.CHUNKED, h5py.h5d.CONTIGUOUS) or plist.get_external_count():
        yield Problem(path, "its values lie in another file, or in other datasets, which a store must not have")
        return
    n_values, width = int(np.prod(item.shape or (1,), dtype=float)), item.get_type().get_size()
    stored = item.get_storage_size()
    if n_values * width > max(_FREE_BYTES, _PACKED * stored):
        yield Problem(path, f"it declares {n_values * width} bytes, but the file holds {stored} of it")
    elif item.get_type().get_class() == h5py.h5t.STRING and n_values > max(10_000, _NAMES_PACKED * stored):
        yield Problem(path, f"it declares {n_values} texts, but the file holds {stored} bytes of it")


def _link_kind(file: h5py.File, path: str) -> int | None:
    try:
        return file.id.links.get_info(_encoded(path)).type
    except (KeyError, RuntimeError):
        return None


def _kind_varies(kind: h5py.h5t.TypeID) -> bool:
    if isinstance(kind, h5py.h5t.TypeStringID):
        return bool(kind.is_variable_str())
    return bool(kind.detect_class(h5py.h5t.VLEN)) or kind.get_class() == h5py.h5t.COMPOUND


def _varies_in_older_stores(path: str) -> bool:
    return path.endswith("/images/thumbnail")


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True


def _encoded(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape")
