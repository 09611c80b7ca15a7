"""Which images there are after a sweep, and what follows from all of them together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from precompute.images.folder import ImageList
from precompute.models.sites import Site
from precompute.run.shard_arrays import array_name
from precompute.run.shards import ShardFolder


@dataclass(frozen=True, eq=False)
class Swept:
    """The images of a finished sweep.

    Parameters
    ----------
    list
        Those that could be read, in order.
    skipped
        Path and reason of those that could not.
    shards
        Names of the shards that hold any image.
    """

    list: ImageList
    skipped: tuple[tuple[str, str], ...]
    shards: tuple[str, ...]


def bad_count(folder: ShardFolder, shards: Sequence[str]) -> int:
    """Count the images of some shards that could not be read."""
    return sum(len(folder.read(shard, "bad_position")) for shard in shards)


def swept(candidates: ImageList, folder: ShardFolder, shards: Sequence[str]) -> Swept:
    """Find out which images there are after a sweep."""
    position = folder.read_all(shards, "bad_position")
    reason = folder.read_all(shards, "bad_reason")
    skipped = tuple((candidates.paths[p], str(r)) for p, r in zip(position, reason, strict=True))
    held = tuple(shard for shard in shards if "prediction" in folder.names(shard))
    return Swept(candidates.without(position.tolist()), skipped, held)


def unit_means(sites: Sequence[Site], folder: ShardFolder, shards: Sequence[str]) -> dict[Site, np.ndarray]:
    """Return the mean activation of every unit over all images and over space; see `precompute.run.means`."""
    counts = [int(folder.read(shard, "count")) for shard in shards]
    held = [shard for shard, count in zip(shards, counts, strict=True) if count]
    return {
        site: np.sum([folder.read(shard, array_name(i, "sum")) for shard in held], axis=0) / sum(counts)
        for i, site in enumerate(sites)
    }
