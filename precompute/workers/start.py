"""Start several workers as the options ask: processes on this machine, or on the nodes of a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from precompute.images.folder import ImageList
from precompute.workers.local_workers import LocalWorkers
from precompute.workers.ray_workers import RayWorkers, connect
from precompute.workers.recipe import Recipe
from precompute.workers.worker_pool import Words, WorkerPool


@dataclass(frozen=True)
class WorkerOptions:
    """Which workers are asked for.

    Parameters
    ----------
    devices
        The devices that compute, with a worker for each; a device that is named twice gets two workers.
    address
        The address of a Ray cluster, or ``local``; None without Ray.
    rates
        Whether the progress shows how fast each worker is.
    """

    devices: tuple[torch.device, ...]
    address: str | None
    rates: bool

    @property
    def is_alone(self) -> bool:
        """Whether the main process computes everything itself, without workers."""
        return self.address is None and len(self.devices) == 1


@contextmanager
def start_workers(
    asked: WorkerOptions, recipe: Recipe, lists: Sequence[ImageList], words: Words, say: Callable[[str], None]
) -> Iterator[WorkerPool]:
    """Start several workers, tell the user which, and end them when the block ends.

    Parameters
    ----------
    asked
        Which workers; more than the main process alone.
    recipe
        How a worker builds what pieces are computed with.
    lists
        The images that are computed on, which every node must have under the same paths.
    words
        What the work is called.
    say
        Shows the user a sentence.

    Yields
    ------
    WorkerPool
        The workers.

    Raises
    ------
    UnitscopeError
        If a device or a node cannot take part.
    """
    if asked.address is not None:
        with connect(asked.address) as ray, RayWorkers(ray, recipe, asked.devices) as on_nodes:
            for sentence in on_nodes.check(lists, words.pieces):
                say(sentence)
            with WorkerPool(on_nodes, words, say, rates=asked.rates) as pool:
                yield pool
        return
    beside = LocalWorkers(recipe, asked.devices)
    threads = f"{beside.threads} thread{'s' * (beside.threads != 1)}"
    n, devices = len(asked.devices), ", ".join(map(str, asked.devices))
    say(f"{n} processes share the {words.pieces}, on {devices}, each with {threads}")
    with WorkerPool(beside, words, say, rates=asked.rates) as pool:
        yield pool
