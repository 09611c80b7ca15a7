"""One set of images of a run, divided into shards that are read and computed one by one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Protocol

import numpy as np
import torch

from precompute.images.file_digests import UNKNOWN
from precompute.images.folder import ImageList
from precompute.images.loading import Batch, read_batches
from precompute.progress import Stage
from precompute.run.plan import Plan
from precompute.run.shards import ShardFolder
from precompute.workers.recipe import Advance, Arrays

Positions = Sequence[int] | np.ndarray

PASSES = MEANS_PASS, SWEEP_PASS = "means", "sweep"
"""The passes over all images; the names of their shards begin so."""

_FILE_POSITION, _FILE_DIGEST = "file_position", "file_digest"


@dataclass(frozen=True, eq=False)
class ReadShard:
    """The images of a shard, read and ready for the network.

    Parameters
    ----------
    batch
        The inputs, and the positions of the images in the list that the pass goes over.
    labels
        (image,) the classes of the images that could be read.
    names
        The paths of these images.
    """

    batch: Batch
    labels: np.ndarray
    names: tuple[str, ...]


Work = Callable[[Plan, ReadShard, Advance], Arrays]
"""What a pass over the images does with one shard: from the plan and the images to arrays by name.

It calls `Advance` with the number of steps that it has done. It depends on nothing else, and it can be pickled.
"""


class Executor(Protocol):
    """What computes shards: this process, or several workers."""

    def compute(
        self, image_set: "ImageSet", work: Work, images: ImageList, todo: Mapping[str, Positions], stage: Stage
    ) -> Iterator[str]:
        """Compute shards, and write the arrays of each to the side files.

        Parameters
        ----------
        image_set
            The plan and the side files.
        work
            What to compute of each shard.
        images
            The list of images that the positions refer to.
        todo
            For every shard, by its name, the positions of its images.
        stage
            Shows the steps that `work` has done.

        Yields
        ------
        str
            The name of a shard, as soon as it is done; shards may be done in any order.
        """


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One set of images of a run: its own images, or the training images.

    Parameters
    ----------
    plan
        The plan of the run for these images.
    folder
        The side files for these images.
    executor
        What computes the shards.
    stage_prefix
        What the names of the stages begin with.
    """

    plan: Plan
    folder: ShardFolder
    executor: Executor
    stage_prefix: str = ""

    def cut(self, stem: str, n: int) -> dict[str, range]:
        """Divide the positions 0 to n - 1 into shards; return the positions of each by its name."""
        size = self.plan.options.shard_size
        starts = range(0, n, size)
        return {f"{stem}-{number:05d}": range(start, min(start + size, n)) for number, start in enumerate(starts)}

    def listed(self) -> ImageList:
        """Return the images with the digests of the files that earlier passes, or an earlier part of the run, read."""
        images = self.plan.candidates
        digests = np.full(len(images), UNKNOWN, dtype=np.uint64)
        for shard in [name for stem in PASSES for name in self.cut(stem, len(images))]:
            if self.folder.has(shard) and _FILE_DIGEST in self.folder.names(shard):
                digests[self.folder.read(shard, _FILE_POSITION)] = self.folder.read(shard, _FILE_DIGEST)
        return replace(images, digests=digests)

    def todo(self, shards: Mapping[str, Positions]) -> dict[str, Positions]:
        """Return the shards whose side files are not there yet."""
        return {name: positions for name, positions in shards.items() if not self.folder.has(name)}

    def compute(self, work: Work, images: ImageList, todo: Mapping[str, Positions], stage: Stage) -> Iterator[str]:
        """Compute shards, and write the arrays of each to the side files; see `Executor`."""
        return self.executor.compute(self, work, images, todo, stage)


def file_arrays(batch: Batch) -> dict[str, np.ndarray]:
    """Return the positions and digests of the files that were read, as arrays by name; `ImageSet.listed` reads them."""
    return {
        _FILE_POSITION: np.array([position for position, _ in batch.files], dtype=np.int64),
        _FILE_DIGEST: np.array([digest for _, digest in batch.files], dtype=np.uint64),
    }


def read_shards(
    plan: Plan, images: ImageList, shards: Mapping[str, Positions], *, workers: int
) -> Iterator[tuple[str, ReadShard]]:
    """Read the images of some shards, one shard after the other.

    Other processes decode the next images meanwhile, a batch at a time.

    Parameters
    ----------
    plan
        The plan of the run.
    images
        The list of images that the positions refer to.
    shards
        For every shard, by its name, the positions of its images.
    workers
        The number of processes that decode; with 0 this process decodes.

    Yields
    ------
    tuple of str and ReadShard
        The name of a shard, and its images.
    """
    size, transform = plan.options.batch_size, plan.model.transform
    pieces: list[tuple[str, list[int]]] = []
    for name, positions in shards.items():
        each = [int(position) for position in positions]
        pieces += [(name, each[start : start + size]) for start in range(0, len(each), size)]
    like = "the first images", tuple(plan.probe.shape[1:])
    batches = read_batches(images, transform, [piece for _, piece in pieces], workers=workers, like=like)
    for name, group in groupby(zip(pieces, batches, strict=True), key=lambda pair: pair[0][0]):
        batch = _joined([batch for _, batch in group])
        yield name, ReadShard(batch, images.labels[list(batch.indices)], tuple(images.paths[i] for i in batch.indices))


def _joined(batches: Sequence[Batch]) -> Batch:
    inputs = [batch.inputs for batch in batches if batch.indices]
    return Batch(
        indices=tuple(index for batch in batches for index in batch.indices),
        inputs=torch.cat(inputs) if inputs else batches[0].inputs,
        bad=tuple(bad for batch in batches for bad in batch.bad),
        files=tuple(file for batch in batches for file in batch.files),
    )
