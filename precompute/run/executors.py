"""What computes the shards of a run: its own process, or several workers."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial

from precompute.images.folder import ImageList
from precompute.models.device import pick_devices
from precompute.progress import Stage
from precompute.run.image_set import Executor, ImageSet, Positions, Work
from precompute.run.plan import Plan
from precompute.run.plan_recipe import PlanRecipe
from precompute.run.serial_executor import SerialExecutor
from precompute.run.shard_task import ShardTask
from precompute.workers.start import WorkerOptions, start_workers
from precompute.workers.worker_pool import Words, WorkerPool

WORDS = Words("the run", "shards", kept="The shards that are done are kept.", again="add --resume")


@contextmanager
def start_executor(plan: Plan, say: Callable[[str], None]) -> Iterator[Executor]:
    """Start what computes the shards, as the options ask, tell the user what it is, and end it afterwards.

    Parameters
    ----------
    plan
        The plan of the run.
    say
        Shows the user a sentence.

    Raises
    ------
    UnitscopeError
        If a device or a node cannot take part.
    """
    options = plan.options
    asked = WorkerOptions(pick_devices(options.device), options.ray, options.rates)
    if asked.is_alone:
        yield SerialExecutor()
        return
    lists = [plan.candidates, *([] if plan.train is None else [plan.train])]
    with start_workers(asked, PlanRecipe.of(plan), lists, WORDS, say) as pool:
        yield PoolExecutor(pool)


class PoolExecutor:
    """Lets workers compute shards. This process alone writes what they return.

    Parameters
    ----------
    pool
        The workers.
    """

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool

    def compute(
        self, image_set: ImageSet, work: Work, images: ImageList, todo: Mapping[str, Positions], stage: Stage
    ) -> Iterator[str]:
        """Compute shards, and write the arrays of each to the side files; see `precompute.run.image_set.Executor`."""
        task = partial(ShardTask.of, image_set, work, images)
        for name, arrays in self._pool.compute(todo, lambda name: task(name, todo[name]), stage):
            image_set.folder.write(name, arrays)
            yield name
