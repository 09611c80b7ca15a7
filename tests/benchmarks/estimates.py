"""Hold what a run tells of its cost to what it took: ``python -m tests.benchmarks.estimates STORE.h5 ...``."""

import sys
from collections.abc import Iterator
from pathlib import Path

import h5py

from precompute.run.store_size import (
    ATTRIBUTIONS,
    EXEMPLARS,
    FLIPS,
    MARGIN,
    NETWORK,
    PICTURES,
    SUMS,
    UNITS_ON_IMAGES,
)
from precompute.store.schema import entry_for


def bytes_written(path: Path) -> dict[str, float]:
    """Return how much of a store each part takes; what describes the file and its datasets is of the sums."""
    with h5py.File(path) as file:
        stored = dict(_stored(file))
    found = dict.fromkeys(MARGIN, 0.0)
    for name, n_bytes in stored.items():
        found[_part(name)] += n_bytes
    found[SUMS] += path.stat().st_size - sum(stored.values())
    return found


def _stored(file: h5py.File) -> Iterator[tuple[str, int]]:
    names: list[str] = []
    file.visit(names.append)
    for name in names:
        if isinstance(file[name], h5py.Dataset):
            yield f"/{name}", file[name].id.get_storage_size()


def _part(path: str) -> str:
    entry = entry_for(path)
    if entry is not None and entry.of_unit_and_image:
        return UNITS_ON_IMAGES
    for sign, part in _SIGNS.items():
        if sign in path:
            return part
    return SUMS


_SIGNS = {
    "/flip/": FLIPS,
    "/exemplar/": EXEMPLARS,
    "/attribution/": ATTRIBUTIONS,
    "/images/thumbnail": PICTURES,
    "/model/state_dict/": NETWORK,
}


def main() -> None:
    """Print the parts of stores."""
    for path in map(Path, sys.argv[1:]):
        print(path, {name: f"{n_bytes / 1e6:.2f} MB" for name, n_bytes in bytes_written(path).items()})


if __name__ == "__main__":
    main()
