"""What a worker does: it makes the run's plan again when its first shard comes, and computes one shard at a time."""

import traceback
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from precompute.errors import TooLittleMemory, UnitscopeError
from precompute.images.folder import ImageList
from precompute.images.loading import Batch, default_workers
from precompute.models.device import exact_float32
from precompute.run.image_set import Advance, Arrays, Read, read_shards
from precompute.run.plan import Plan
from precompute.run.plan_recipe import PlanRecipe
from precompute.run.worker_pool import Lost, Made, Message, Refused, Task


class ShardWorker:
    """Where the shards of one run are computed.

    Parameters
    ----------
    recipe
        Of the run's plan.
    device
        Where to compute.
    threads
        Of this process, so that those side by side have no more than the machine's cores together.
    among
        Processes side by side on this machine.
    sharers
        Those of them on the same device.
    """

    def __init__(self, recipe: PlanRecipe, device: torch.device, *, threads: int, among: int, sharers: int) -> None:
        self._recipe, self._device = recipe, device
        self._threads, self._among, self._sharers = threads, among, sharers
        self._plan: Plan | None = None

    def compute(self, task: Task, advance: Advance) -> Message:
        """Compute a shard, and return what came of it."""
        try:
            with exact_float32():
                return Made(self._arrays(task, advance))
        except (TooLittleMemory, MemoryError) as error:
            return Lost(f"too little memory ({error})" if str(error) else "too little memory")
        except UnitscopeError as error:
            return Refused(error)
        except Exception as error:  # the shard is tried elsewhere, and the person told of it
            return Lost(told(error))

    def plan(self) -> Plan:
        """Return the run's plan, made here the first time.

        Raises
        ------
        UnitscopeError
            Where the network is not that of the run, or cannot be had here.
        """
        if self._plan is None:
            torch.set_num_threads(self._threads)
            if self._device.type == "cuda":
                torch.cuda.set_device(self._device)
            self._plan = self._recipe.built(self._device, sharers=self._sharers)
        return self._plan

    def _arrays(self, task: Task, advance: Advance) -> Arrays:
        plan = self.plan()
        if task.slow.keys() != {site.name for site in plan.slow}:
            self._plan = plan = plan.swept_plainly(task.slow)
        return task.work(plan, self._read(plan, task), advance)

    def _read(self, plan: Plan, task: Task) -> Read:
        images = replace(task.images, load=plan.candidates.load)
        ((_, shard),) = read_shards(plan, images, {task.shard: range(len(images))}, workers=self._decoders(images))
        return replace(shard, batch=_placed(shard.batch, task.positions.tolist()))

    def _decoders(self, images: ImageList) -> int:
        asked = self._recipe.options.workers
        if asked is None:
            return default_workers(len(images), self._among)
        return -(-asked // self._among)


def _placed(batch: Batch, positions: Sequence[int]) -> Batch:
    """Return a batch with the positions of its images in the list that the pass is about."""
    indices = tuple(positions[index] for index in batch.indices)
    return replace(batch, indices=indices, bad=tuple((positions[index], reason) for index, reason in batch.bad))


def told(error: Exception) -> str:
    """Say in a line what an error of no kind of ours is, and where it arose."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words} ({Path(last.filename).name}, line {last.lineno})"
