"""One set of images of a run, cut into shards that are read and computed one by one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Protocol

import numpy as np
import torch

from precompute.images.folder import ImageList
from precompute.images.loading import Batch, read_batches
from precompute.progress import Stage
from precompute.run.plan import Plan
from precompute.run.shards import ShardFolder
from precompute.workers.recipe import Advance, Arrays

Positions = Sequence[int] | np.ndarray


@dataclass(frozen=True, eq=False)
class Read:
    """The images of a shard as they were read.

    Parameters
    ----------
    batch
        With their positions in the list that the pass is about.
    labels
        (image,) their classes.
    names
        Their paths.
    """

    batch: Batch
    labels: np.ndarray
    names: tuple[str, ...]


Work = Callable[[Plan, Read, Advance], Arrays]
"""What a pass over the images does with a shard, given the plan and what to call with the steps that are done.

It depends on nothing else, and it can be pickled.
"""


class Executor(Protocol):
    """Who computes shards: this process, or several others."""

    def compute(
        self, image_set: "ImageSet", work: Work, images: ImageList, todo: Mapping[str, Positions], stage: Stage
    ) -> Iterator[str]:
        """Compute shards and leave each of them in the side files.

        Parameters
        ----------
        image_set
            The images that the run's plan is about, and their side files.
        work
            What to do with each shard.
        images
            What the shards' positions are of.
        todo
            Positions by the shard's name.
        stage
            Is told of the steps that `work` tells of.

        Yields
        ------
        str
            The name of a shard that is done, in whatever order they come.
        """


@dataclass(frozen=True, eq=False)
class ImageSet:
    """One set of images of a run: those that it is about, or training images.

    Parameters
    ----------
    plan
        The run's, as far as it is about these images.
    folder
        Their side files.
    executor
        Who computes their shards.
    of
        What the names of their stages begin with.
    """

    plan: Plan
    folder: ShardFolder
    executor: Executor
    of: str = ""

    def cut(self, stem: str, n: int) -> dict[str, range]:
        """Cut positions 0 to n into named shards."""
        size = self.plan.options.shard_size
        starts = range(0, n, size)
        return {f"{stem}-{number:05d}": range(start, min(start + size, n)) for number, start in enumerate(starts)}

    def todo(self, shards: Mapping[str, Positions]) -> dict[str, Positions]:
        """Return the shards that are not done."""
        return {name: positions for name, positions in shards.items() if not self.folder.has(name)}

    def compute(self, work: Work, images: ImageList, todo: Mapping[str, Positions], stage: Stage) -> Iterator[str]:
        """Compute shards and leave each of them in the side files; see `Executor`."""
        return self.executor.compute(self, work, images, todo, stage)


def read_shards(
    plan: Plan, images: ImageList, shards: Mapping[str, Positions], *, workers: int
) -> Iterator[tuple[str, Read]]:
    """Read the images of some shards; decoding runs ahead in processes of its own, in pieces of a batch.

    Parameters
    ----------
    plan
        Of the run.
    images
        What the shards' positions are of.
    shards
        Positions by the shard's name.
    workers
        Processes that decode.

    Yields
    ------
    tuple of str and Read
        A shard's name and its images.
    """
    size, transform = plan.options.batch_size, plan.model.transform
    pieces: list[tuple[str, list[int]]] = []
    for name, positions in shards.items():
        listed = [int(position) for position in positions]
        pieces += [(name, listed[start : start + size]) for start in range(0, len(listed), size)]
    like = "the first images", tuple(plan.probe.shape[1:])
    batches = read_batches(images, transform, [piece for _, piece in pieces], workers=workers, like=like)
    for name, group in groupby(zip(pieces, batches, strict=True), key=lambda pair: pair[0][0]):
        batch = _joined([batch for _, batch in group])
        yield name, Read(batch, images.labels[list(batch.indices)], tuple(images.paths[i] for i in batch.indices))


def _joined(batches: Sequence[Batch]) -> Batch:
    inputs = [batch.inputs for batch in batches if batch.indices]
    return Batch(
        indices=tuple(index for batch in batches for index in batch.indices),
        inputs=torch.cat(inputs) if inputs else batches[0].inputs,
        bad=tuple(bad for batch in batches for bad in batch.bad),
    )
