"""Several workers started as the options ask: processes of this machine, or of the nodes of a Ray cluster."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from precompute.images.folder import ImageList
from precompute.workers.local_workers import LocalWorkers
from precompute.workers.ray_workers import RayWorkers, connected
from precompute.workers.recipe import Recipe
from precompute.workers.worker_pool import Words, WorkerPool


@dataclass(frozen=True)
class WorkerOptions:
    """Who shall compute.

    Parameters
    ----------
    devices
        Where; one that stands there twice gets two processes.
    address
        Of a Ray cluster, or ``local``; None without Ray.
    rates
        Whether to show how fast each worker is.
    """

    devices: tuple[torch.device, ...]
    address: str | None
    rates: bool

    @property
    def is_alone(self) -> bool:
        """Whether the process that asks computes by itself."""
        return self.address is None and len(self.devices) == 1


@contextmanager
def started(
    asked: WorkerOptions, recipe: Recipe, lists: Sequence[ImageList], words: Words, say: Callable[[str], None]
) -> Iterator[WorkerPool]:
    """Start several workers, say who they are, and end them at the end.

    Parameters
    ----------
    asked
        Who shall compute; not alone.
    recipe
        Of what pieces are computed with.
    lists
        The images that pieces are of, which every node must see.
    words
        How the work is called.
    say
        Receives sentences for the person who waits.

    Raises
    ------
    UnitscopeError
        Where a device or a node cannot take part.
    """
    if asked.address is not None:
        with connected(asked.address) as ray, RayWorkers(ray, recipe, asked.devices) as on_nodes:
            for sentence in on_nodes.check(lists, words.pieces):
                say(sentence)
            with WorkerPool(on_nodes, words, say, rates=asked.rates) as pool:
                yield pool
        return
    beside = LocalWorkers(recipe, asked.devices)
    threads = f"{beside.threads} thread{'s' * (beside.threads != 1)}"
    n, named = len(asked.devices), ", ".join(map(str, asked.devices))
    say(f"{n} processes share the {words.pieces}, on {named}, each with {threads}")
    with WorkerPool(beside, words, say, rates=asked.rates) as pool:
        yield pool
