"""Files that a run must not replace, because they are not stores."""

from pathlib import Path

import h5py

from precompute.errors import DiskError
from precompute.store.facts import read_fact
from precompute.store.group_facts import FORMAT
from precompute.store.place import place_of

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def refuse_foreign(asked: Path) -> None:
    """Refuse to put a new store in the place of a file that is not a store.

    Parameters
    ----------
    asked : Path
        Where the store will be written. A store there may be replaced, even a damaged one, and so may an empty file.

    Raises
    ------
    DiskError
        Where another file is there.
    """
    place = place_of(asked)
    if place.is_file() and place.stat().st_size and not _may_be_store(place):
        raise DiskError(
            f"{asked} is a file that is not a store, and the run would replace it. Choose another --out, or move it."
        )


def _may_be_store(file: Path) -> bool:
    try:
        with h5py.File(file, "r", locking=False) as held:
            return bool(read_fact(held, "format") == FORMAT)
    except (OSError, RuntimeError, ValueError):  # damaged
        with file.open("rb") as beginning:
            return beginning.read(len(_SIGNATURE)) == _SIGNATURE
