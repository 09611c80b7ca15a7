"""One set of images of a run, cut into shards."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from precompute.images.folder import ImageList
from precompute.images.loading import Batch
from precompute.run.plan import Plan
from precompute.run.reading import cut, read_shards
from precompute.run.shards import ShardFolder

Positions = Sequence[int] | np.ndarray


@dataclass(frozen=True, eq=False)
class Part:
    """One set of images of a run: those that it is about, or training images.

    Parameters
    ----------
    plan
        The run's, as far as it is about these images.
    folder
        Their side files.
    of
        What the names of their stages begin with.
    """

    plan: Plan
    folder: ShardFolder
    of: str = ""

    def cut(self, stem: str, n: int) -> dict[str, range]:
        """Cut positions 0 to n into named shards."""
        return cut(stem, n, self.plan.options.shard_size)

    def todo(self, shards: Mapping[str, Positions]) -> dict[str, Positions]:
        """Return the shards that are not done."""
        return {name: positions for name, positions in shards.items() if not self.folder.has(name)}

    def read(self, images: ImageList, shards: Mapping[str, Positions]) -> Iterator[tuple[str, Batch]]:
        """Read the images of some shards."""
        options, transform = self.plan.options, self.plan.model.transform
        return read_shards(images, shards, transform, batch_size=options.batch_size, workers=self.plan.workers)
