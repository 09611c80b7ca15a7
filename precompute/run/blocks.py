"""Blocks of units, gathered from every shard: the unit of work of a merge."""

from collections.abc import Iterator, Sequence

import numpy as np

from precompute.run.shards import ShardFolder

_BLOCK_BYTES = 64 * 1024**2


def gathered(folder: ShardFolder, shards: Sequence[str], name: str, block: slice) -> np.ndarray:
    """Read a block of units over all images, (unit, image, ...)."""
    return np.concatenate([folder.read(shard, name)[block] for shard in shards], axis=1)


def blocks(n_units: int, row_bytes: int) -> Iterator[slice]:
    """Cut units into blocks of about equal memory, whatever the number of images."""
    size = max(1, _BLOCK_BYTES // max(1, row_bytes))
    return (slice(start, min(start + size, n_units)) for start in range(0, n_units, size))
