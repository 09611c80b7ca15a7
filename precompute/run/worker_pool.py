"""Several workers compute the shards of a run; this process gives them out and alone writes what comes back.

A worker is a process that keeps nothing from one shard to the next but the network. Whatever ends it, the shard in its
hands is computed again by whoever is free. Results come back as arrays and not through a shared folder: so the lock of
the side files holds, a worker that lives a moment longer than its run can spoil nothing, and another machine needs no
disk in common with this one but the images.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from time import monotonic
from types import TracebackType
from typing import Protocol

import numpy as np

from precompute.errors import ShardFailed, UnitscopeError
from precompute.images.folder import ImageList
from precompute.images.loader import PictureLoader
from precompute.progress import Stage
from precompute.run.image_set import Arrays, ImageSet, Positions, Work

ATTEMPTS = 3
"""How often a shard is tried, and how often in a row a worker's place may fail."""


@dataclass(frozen=True, eq=False)
class Task:
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


# What a worker says of its task


@dataclass(frozen=True)
class Steps:
    """Some more steps are done."""

    n: int


@dataclass(frozen=True, eq=False)
class Made:
    """The shard is computed, with these further steps."""

    arrays: Arrays
    steps: int = 0


@dataclass(frozen=True)
class Refused:
    """It cannot be computed, for a reason that would be the same anywhere."""

    error: UnitscopeError


@dataclass(frozen=True)
class Lost:
    """The worker is gone, or must be given up, for a reason that may lie in it alone: words after a colon."""

    cause: str


Message = Steps | Made | Refused | Lost


class Worker(Protocol):
    """A process that computes one shard at a time."""

    @property
    def name(self) -> str:
        """Where it is, in words; another one in its place has the same name."""

    def give(self, task: Task) -> None:
        """Let it compute a shard."""

    def stop(self) -> None:
        """End it now."""


class Workers(Protocol):
    """Where workers come from."""

    def start(self) -> Sequence[Worker]:
        """Start a worker in every place."""

    def again(self, gone: Worker) -> Worker | None:
        """Start another worker in the place of one that is gone; None where the place is gone with it."""

    def hear(self, busy: Sequence[Worker]) -> list[tuple[Worker, Message]]:
        """Wait until some workers say something, or for a moment."""

    def close(self) -> None:
        """End all of them."""


@dataclass(eq=False)
class _Busy:
    """What a worker is at."""

    task: Task
    since: float = field(default_factory=monotonic)
    steps: int = 0


class WorkerPool:
    """Several workers compute shards. They are started when the first shard is to be computed.

    Parameters
    ----------
    workers
        Where they come from.
    say
        Receives sentences for the person who waits.
    rates
        Whether to show how fast each of them is.
    """

    def __init__(self, workers: Workers, say: Callable[[str], None], *, rates: bool) -> None:
        self._workers, self._say, self._rates = workers, say, rates
        self._free: deque[Worker] = deque()
        self._busy: dict[Worker, _Busy] = {}
        self._lost_in_a_row: Counter[str] = Counter()

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.close()

    def compute(
        self, image_set: ImageSet, work: Work, images: ImageList, todo: Mapping[str, Positions], stage: Stage
    ) -> Iterator[str]:
        """Compute shards and leave each of them in the side files; see `precompute.run.image_set.Executor`."""
        waiting, speed = _Waiting(todo), _Speed()
        try:
            while waiting.shards or self._busy:
                self._give_out(waiting, lambda name: _task(image_set, work, images, name, todo[name]))
                for worker, message in self._workers.hear(list(self._busy)):
                    busy = self._busy[worker]
                    if isinstance(message, Steps):
                        busy.steps += message.n
                        stage.advance(message.n)
                    elif isinstance(message, Made):
                        self._done(worker, speed, message.steps)
                        stage.advance(message.steps)
                        image_set.folder.write(busy.task.shard, message.arrays)
                        yield busy.task.shard
                    elif isinstance(message, Refused):
                        raise message.error
                    else:
                        stage.advance(-busy.steps)
                        waiting.once_more(busy.task.shard, worker.name)
                        self._lost(worker, message.cause, waiting.failures(busy.task.shard))
                    if self._rates:
                        stage.note(str(speed))
        finally:
            if self._busy:  # after an error: nobody waits for what they find, and who goes on starts others
                self._workers.close()
                self._busy.clear()
                self._free.clear()

    def _give_out(self, waiting: "_Waiting", task: Callable[[str], Task]) -> None:
        if waiting.shards and not self._free and not self._busy:
            self._free.extend(self._workers.start())
        places = {worker.name for worker in (*self._free, *self._busy)}
        for worker in tuple(self._free):
            shard = waiting.next_for(worker.name, places)
            if shard is not None:
                self._free.remove(worker)
                self._busy[worker] = _Busy(task(shard))
                worker.give(self._busy[worker].task)

    def _done(self, worker: Worker, speed: "_Speed", further_steps: int) -> None:
        busy = self._busy.pop(worker)
        self._free.append(worker)
        self._lost_in_a_row[worker.name] = 0
        speed.count(worker.name, busy.steps + further_steps, monotonic() - busy.since)

    def _lost(self, worker: Worker, cause: str, n_failures: int) -> None:
        """Replace a worker that is gone, or do without it.

        Raises
        ------
        ShardFailed
            Where its shard has failed too often, or nobody is left.
        """
        shard = self._busy.pop(worker).task.shard
        worker.stop()
        self._lost_in_a_row[worker.name] += 1
        if n_failures >= ATTEMPTS:
            raise ShardFailed(
                f"{shard} failed {ATTEMPTS} times, the last time on {worker.name}: {cause}. The shards that are done "
                "are kept. Remove the cause, or compute on fewer devices, and add --resume."
            )
        told = f"{shard} failed on {worker.name}: {cause}; it is computed again"
        if self._lost_in_a_row[worker.name] >= ATTEMPTS and (self._free or self._busy):
            self._say(f"{told}. {worker.name} failed {ATTEMPTS} times in a row, and the run goes on without it")
            return
        self._say(told)
        self._replace(worker)
        if not self._free and not self._busy:
            raise ShardFailed(
                f"{worker.name} is gone ({cause}), and no other worker is left. The shards that are done are kept. "
                "Add --resume to go on with them."
            )

    def _replace(self, worker: Worker) -> None:
        another = self._workers.again(worker)
        if another is not None:
            self._free.append(another)


def _task(image_set: ImageSet, work: Work, images: ImageList, name: str, positions: Positions) -> Task:
    where = np.asarray(positions, dtype=np.int64)
    # A loader of a person's own cannot be sent; the worker has its own.
    shown = replace(images.at(where), load=PictureLoader())
    return Task(name, work, shown, where, {site.name: reason for site, reason in image_set.plan.slow.items()})


class _Waiting:
    """The shards that nobody is at, and where each of them has failed."""

    def __init__(self, shards: Iterable[str]) -> None:
        self.shards = deque(shards)
        self._failed: dict[str, list[str]] = {}

    def once_more(self, shard: str, place: str) -> None:
        """Put a shard back that failed in a place."""
        self.shards.append(shard)
        self._failed.setdefault(shard, []).append(place)

    def failures(self, shard: str) -> int:
        """Count how often a shard has failed."""
        return len(self._failed[shard])

    def next_for(self, place: str, places: Set[str]) -> str | None:
        """Take the next shard for a place: none that failed there, as long as there are others where it did not."""
        for shard in self.shards:
            failed = self._failed.get(shard, ())
            if place not in failed or places <= set(failed):
                self.shards.remove(shard)
                return shard
        return None


class _Speed:
    """Steps a second of each worker, while it had a shard to compute."""

    def __init__(self) -> None:
        self._steps: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()

    def count(self, name: str, steps: int, seconds: float) -> None:
        self._steps[name] += steps
        self._seconds[name] += seconds  # type: ignore[assignment]

    def __str__(self) -> str:
        rates = {name: self._steps[name] / self._seconds[name] for name in sorted(self._steps) if self._seconds[name]}
        return ", ".join(f"{name} {rate:,.3g}/s" for name, rate in rates.items())
