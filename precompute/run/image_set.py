"""One set of images of a run, cut into shards and read shard by shard."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch

from precompute.images.folder import ImageList
from precompute.images.loading import Batch, read_batches
from precompute.run.plan import Plan
from precompute.run.shards import ShardFolder

Positions = Sequence[int] | np.ndarray


@dataclass(frozen=True, eq=False)
class ImageSet:
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
        size = self.plan.options.shard_size
        starts = range(0, n, size)
        return {f"{stem}-{number:05d}": range(start, min(start + size, n)) for number, start in enumerate(starts)}

    def todo(self, shards: Mapping[str, Positions]) -> dict[str, Positions]:
        """Return the shards that are not done."""
        return {name: positions for name, positions in shards.items() if not self.folder.has(name)}

    def read(self, images: ImageList, shards: Mapping[str, Positions]) -> Iterator[tuple[str, Batch]]:
        """Read the images of some shards; decoding runs ahead in worker processes, in pieces of a batch.

        Parameters
        ----------
        images
            What the shards' positions are of.
        shards
            Positions by the shard's name.

        Yields
        ------
        tuple of str and Batch
            A shard's name and its images.
        """
        size, transform = self.plan.options.batch_size, self.plan.model.transform
        pieces: list[tuple[str, list[int]]] = []
        for name, positions in shards.items():
            listed = [int(position) for position in positions]
            pieces += [(name, listed[start : start + size]) for start in range(0, len(listed), size)]
        batches = read_batches(images, transform, [piece for _, piece in pieces], workers=self.plan.workers)
        for name, group in groupby(zip(pieces, batches, strict=True), key=lambda pair: pair[0][0]):
            yield name, _joined([batch for _, batch in group])


def _joined(batches: Sequence[Batch]) -> Batch:
    inputs = [batch.inputs for batch in batches if batch.indices]
    return Batch(
        indices=tuple(index for batch in batches for index in batch.indices),
        inputs=torch.cat(inputs) if inputs else batches[0].inputs,
        bad=tuple(bad for batch in batches for bad in batch.bad),
    )
