"""A shard as a worker computes it: it reads the images by itself, and knows nothing of other shards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from precompute.images.folder import ImageList
from precompute.images.loading import Batch, default_workers
from precompute.run.image_set import ImageSet, Positions, Read, Work, read_shards
from precompute.run.plan import Plan
from precompute.workers.recipe import Advance, Arrays


@dataclass(frozen=True, eq=False)
class BuiltPlan:
    """A run's plan as a worker has it.

    Parameters
    ----------
    plan
        The plan; its list of images is empty.
    among
        Workers side by side on this machine, which divide the processes that decode.
    """

    plan: Plan
    among: int


@dataclass(frozen=True, eq=False)
class ShardTask:
    """One shard to compute; it can be pickled.

    Parameters
    ----------
    shard
        Its name.
    work
        What to do with it.
    images
        Its images.
    positions
        (image,) where they are in the list that the pass is about.
    slow
        By the layer's name, why only the plain method can sweep it.
    """

    shard: str
    work: Work
    images: ImageList
    positions: np.ndarray
    slow: Mapping[str, str]

    @classmethod
    def of(cls, image_set: ImageSet, work: Work, images: ImageList, name: str, positions: Positions) -> "ShardTask":
        """Return the task of a shard of some images."""
        where = np.asarray(positions, dtype=np.int64)
        return cls(
            name,
            work,
            images.at(where).to_send(),
            where,
            {site.name: reason for site, reason in image_set.plan.slow.items()},
        )

    def __call__(self, built: BuiltPlan, advance: Advance) -> Arrays:
        """Compute it."""
        plan = built.plan
        if self.slow.keys() != {site.name for site in plan.slow}:
            plan = plan.swept_plainly(self.slow)
        return self.work(plan, self._read(plan, built.among), advance)

    def _read(self, plan: Plan, among: int) -> Read:
        images = replace(self.images, load=plan.candidates.load)
        asked = plan.options.workers
        workers = default_workers(len(images), among) if asked is None else -(-asked // among)
        ((_, shard),) = read_shards(plan, images, {self.shard: range(len(images))}, workers=workers)
        return replace(shard, batch=_placed(shard.batch, self.positions.tolist()))


def _placed(batch: Batch, positions: Sequence[int]) -> Batch:
    """Return a batch with the positions of its images in the list that the pass is about."""
    indices = tuple(positions[index] for index in batch.indices)
    return replace(batch, indices=indices, bad=tuple((positions[index], reason) for index, reason in batch.bad))
