"""A shard as a worker computes it: the worker reads the images itself, and knows nothing of other shards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from precompute.images.folder import ImageList
from precompute.images.loading import Batch, default_workers
from precompute.run.image_set import ImageSet, Positions, ReadShard, Work, read_shards
from precompute.run.plan import Plan
from precompute.workers.recipe import Advance, Arrays


@dataclass(frozen=True, eq=False)
class BuiltPlan:
    """The plan of a run in a worker.

    Parameters
    ----------
    plan
        The plan. Its list of images is empty: every task brings its own images.
    among
        The number of workers on this machine, which divide the processes that decode among them.
    """

    plan: Plan
    among: int


@dataclass(frozen=True, eq=False)
class ShardTask:
    """One shard to compute; it can be pickled.

    Parameters
    ----------
    shard
        The name of the shard.
    work
        What to compute of it.
    images
        The images of the shard.
    positions
        (image,) the positions of these images in the list that the pass goes over.
    slow
        By the layer's name, why only the plain method can sweep it. Workers may have been started before that was
        known.
    """

    shard: str
    work: Work
    images: ImageList
    positions: np.ndarray
    slow: Mapping[str, str]

    @classmethod
    def of(cls, image_set: ImageSet, work: Work, images: ImageList, name: str, positions: Positions) -> "ShardTask":
        """Return the task for one shard."""
        where = np.asarray(positions, dtype=np.int64)
        return cls(
            name,
            work,
            images.at(where).to_send(),
            where,
            {site.name: reason for site, reason in image_set.plan.slow.items()},
        )

    def __call__(self, built: BuiltPlan, advance: Advance) -> Arrays:
        """Compute the shard."""
        plan = built.plan
        if self.slow.keys() != {site.name for site in plan.slow}:
            plan = plan.swept_plainly(self.slow)
        return self.work(plan, self._read(plan, built.among), advance)

    def _read(self, plan: Plan, among: int) -> ReadShard:
        images = replace(self.images, load=plan.candidates.load)
        asked = plan.options.workers
        workers = default_workers(len(images), among) if asked is None else -(-asked // among)
        ((_, shard),) = read_shards(plan, images, {self.shard: range(len(images))}, workers=workers)
        return replace(shard, batch=_placed(shard.batch, self.positions.tolist()))


def _placed(batch: Batch, positions: Sequence[int]) -> Batch:
    """Return a batch of a shard with positions in the list that the pass goes over, instead of in the shard."""
    indices = tuple(positions[index] for index in batch.indices)
    bad = tuple((positions[index], reason) for index, reason in batch.bad)
    files = tuple((positions[index], digest) for index, digest in batch.files)
    return replace(batch, indices=indices, bad=bad, files=files)
