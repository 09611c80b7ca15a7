"""Who computes the shards of a run: its own process, processes beside it, or the nodes of a Ray cluster."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from precompute.models.device import pick_devices
from precompute.run.image_set import Executor
from precompute.run.local_workers import LocalWorkers
from precompute.run.plan import Plan
from precompute.run.plan_recipe import PlanRecipe
from precompute.run.ray_workers import RayWorkers, connected
from precompute.run.serial_executor import SerialExecutor
from precompute.run.worker_pool import WorkerPool


@contextmanager
def executor_of(plan: Plan, say: Callable[[str], None]) -> Iterator[Executor]:
    """Start what computes the shards, as the options ask, say what it is, and end it at the end.

    Parameters
    ----------
    plan
        Of the run.
    say
        Receives sentences for the person who waits.

    Raises
    ------
    UnitscopeError
        Where a device or a node cannot take part.
    """
    devices, address = pick_devices(plan.options.device), plan.options.ray
    if address is not None:
        with connected(address) as ray, RayWorkers(ray, PlanRecipe.of(plan), devices) as on_nodes:
            for sentence in on_nodes.check([plan.candidates, *([] if plan.train is None else [plan.train])]):
                say(sentence)
            with WorkerPool(on_nodes, say, rates=plan.options.rates) as pool:
                yield pool
    elif len(devices) > 1:
        beside = LocalWorkers(PlanRecipe.of(plan), devices)
        threads = f"{beside.threads} thread{'s' * (beside.threads != 1)}"
        say(f"{len(devices)} processes share the shards, on {', '.join(map(str, devices))}, each with {threads}")
        with WorkerPool(beside, say, rates=plan.options.rates) as pool:
            yield pool
    else:
        yield SerialExecutor()
