"""A pool of workers that compute the pieces of some work: the main process gives out pieces and receives the results.

A worker is a process that keeps nothing from one piece to the next but the network. If it ends, another worker computes
its piece again. Results come back as arrays and not through a shared folder. So only the main process writes files, a
worker that outlives the work can damage nothing, and another machine needs to share no disk but that of the images.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Protocol

from precompute.errors import PieceFailed, UnitscopeError
from precompute.progress import Stage
from precompute.workers.recipe import Arrays, Work

ATTEMPTS = 3
"""How often a piece is tried, and how often in a row workers may fail in one place before it is given up."""


@dataclass(frozen=True, eq=False)
class Task:
    """One piece to compute; it can be pickled.

    Parameters
    ----------
    name
        The name of the piece.
    work
        What computes the piece.
    """

    name: str
    work: Work


@dataclass(frozen=True)
class Words:
    """What the work is called in sentences for the user.

    Parameters
    ----------
    whole
        The whole work, such as ``the run``.
    pieces
        Its pieces, in the plural, such as ``shards``.
    kept
        A sentence that says what is kept if the work fails.
    again
        How to go on after that: a clause that can follow "To go on,".
    """

    whole: str
    pieces: str
    kept: str
    again: str


# The messages of a worker


@dataclass(frozen=True)
class Steps:
    """The worker has done some more steps."""

    n: int


@dataclass(frozen=True, eq=False)
class Made:
    """The piece is computed: its arrays, and the steps since the last message."""

    arrays: Arrays
    steps: int = 0


@dataclass(frozen=True)
class PieceRefused:
    """The piece cannot be computed, for a reason that holds for every worker."""

    error: UnitscopeError


@dataclass(frozen=True)
class Lost:
    """The worker has ended or failed. Another one may succeed. The cause is a clause that can follow a colon."""

    cause: str


Message = Steps | Made | PieceRefused | Lost


class Worker(Protocol):
    """A process that computes one piece at a time."""

    @property
    def name(self) -> str:
        """The name of its place; a worker that replaces it has the same name."""

    def give(self, task: Task) -> None:
        """Let the worker compute a piece."""

    def stop(self) -> None:
        """End the worker now."""


class Workers(Protocol):
    """A source of workers, which has a fixed set of places for them."""

    @property
    def n_devices(self) -> int:
        """The number of different devices; workers that share a device are together as fast as one."""

    def start(self) -> Sequence[Worker]:
        """Start a worker in every place."""

    def replace(self, gone: Worker) -> Worker | None:
        """Start another worker in the place of one that has ended; None if the place is gone too."""

    def receive(self, busy: Sequence[Worker]) -> list[tuple[Worker, Message]]:
        """Wait for messages of busy workers, but no longer than a moment; return those that have come."""

    def close(self) -> None:
        """End all workers."""


@dataclass(eq=False)
class _Busy:
    """The piece that a worker computes, when it began, and the steps that it has done."""

    task: Task
    since: float = field(default_factory=monotonic)
    steps: int = 0


class WorkerPool:
    """Several workers that compute pieces. They are started when the first piece is to be computed.

    Parameters
    ----------
    workers
        The source of the workers.
    words
        What the work is called.
    say
        Shows the user a sentence.
    rates
        Whether the progress shows how fast each worker is.
    """

    def __init__(self, workers: Workers, words: Words, say: Callable[[str], None], *, rates: bool) -> None:
        self._workers, self._words, self._say, self._rates = workers, words, say, rates
        self._free: deque[Worker] = deque()
        self._busy: dict[Worker, _Busy] = {}
        self._lost_in_a_row: Counter[str] = Counter()

    @property
    def n_devices(self) -> int:
        """The number of different devices of the workers."""
        return self._workers.n_devices

    def __enter__(self) -> "WorkerPool":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._workers.close()

    def compute(
        self, names: Iterable[str], work_of: Callable[[str], Work], stage: Stage
    ) -> Iterator[tuple[str, Arrays]]:
        """Compute some pieces.

        Parameters
        ----------
        names
            The names of the pieces.
        work_of
            Returns what computes a piece, by its name. It is called when a worker is free for the piece.
        stage
            Shows the steps that are done.

        Yields
        ------
        tuple of str and dict of str to array
            The name of a piece and its arrays, as soon as it is done; pieces may be done in any order.

        Raises
        ------
        UnitscopeError
            If a piece cannot be computed.
        """
        waiting, speed = _Waiting(names), _Speed()
        try:
            while waiting.pieces or self._busy:
                self._give_out(waiting, lambda name: Task(name, work_of(name)))
                for worker, message in self._workers.receive(list(self._busy)):
                    busy = self._busy[worker]
                    if isinstance(message, Steps):
                        busy.steps += message.n
                        stage.advance(message.n)
                    elif isinstance(message, Made):
                        self._done(worker, speed, message.steps)
                        stage.advance(message.steps)
                        yield busy.task.name, message.arrays
                    elif isinstance(message, PieceRefused):
                        raise message.error
                    else:
                        stage.advance(-busy.steps)  # another worker makes these steps again
                        waiting.once_more(busy.task.name, worker.name)
                        self._lost(worker, message.cause, waiting.failures(busy.task.name))
                    if self._rates:
                        stage.note(str(speed))
        finally:
            if self._busy:  # after an error, nobody waits for these results; another call starts new workers
                self._workers.close()
                self._busy.clear()
                self._free.clear()

    def _give_out(self, waiting: "_Waiting", task: Callable[[str], Task]) -> None:
        if waiting.pieces and not self._free and not self._busy:
            self._free.extend(self._workers.start())
        places = {worker.name for worker in (*self._free, *self._busy)}
        for worker in tuple(self._free):
            piece = waiting.next_for(worker.name, places)
            if piece is not None:
                self._free.remove(worker)
                self._busy[worker] = _Busy(task(piece))
                worker.give(self._busy[worker].task)

    def _done(self, worker: Worker, speed: "_Speed", further_steps: int) -> None:
        busy = self._busy.pop(worker)
        self._free.append(worker)
        self._lost_in_a_row[worker.name] = 0
        speed.count(worker.name, busy.steps + further_steps, monotonic() - busy.since)

    def _lost(self, worker: Worker, cause: str, n_failures: int) -> None:
        """Replace a worker that has ended or failed, or go on without it.

        Raises
        ------
        PieceFailed
            If its piece has failed too often, or no worker is left.
        """
        piece, words = self._busy.pop(worker).task.name, self._words
        worker.stop()
        self._lost_in_a_row[worker.name] += 1
        if n_failures >= ATTEMPTS:
            raise PieceFailed(
                f"{piece} failed {ATTEMPTS} times, the last time on {worker.name}: {cause}. {words.kept} "
                f"Remove the cause, or compute on fewer devices; then {words.again}."
            )
        told = f"{piece} failed on {worker.name}: {cause}; it is computed again"
        if self._lost_in_a_row[worker.name] >= ATTEMPTS and (self._free or self._busy):
            self._say(f"{told}. {worker.name} failed {ATTEMPTS} times in a row, and {words.whole} goes on without it")
            return
        self._say(told)
        self._replace(worker)
        if not self._free and not self._busy:
            raise PieceFailed(
                f"{worker.name} has ended ({cause}), and no other worker is left. {words.kept} To go on, {words.again}."
            )

    def _replace(self, worker: Worker) -> None:
        another = self._workers.replace(worker)
        if another is not None:
            self._free.append(another)


class _Waiting:
    """The pieces that no worker computes at the moment, and the places in which each of them has failed."""

    def __init__(self, pieces: Iterable[str]) -> None:
        self.pieces = deque(pieces)
        self._failed: dict[str, list[str]] = {}

    def once_more(self, piece: str, place: str) -> None:
        """Put back a piece that failed in a place."""
        self.pieces.append(piece)
        self._failed.setdefault(piece, []).append(place)

    def failures(self, piece: str) -> int:
        """Count how often a piece has failed."""
        return len(self._failed[piece])

    def next_for(self, place: str, places: Set[str]) -> str | None:
        """Take the next piece for a place, but none that failed there, unless it has failed in all places."""
        for piece in self.pieces:
            failed = self._failed.get(piece, ())
            if place not in failed or places <= set(failed):
                self.pieces.remove(piece)
                return piece
        return None


class _Speed:
    """Steps per second of each place, over the time in which it had a piece to compute."""

    def __init__(self) -> None:
        self._steps: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()

    def count(self, name: str, steps: int, seconds: float) -> None:
        self._steps[name] += steps
        self._seconds[name] += seconds  # type: ignore[assignment]

    def __str__(self) -> str:
        rates = {name: self._steps[name] / self._seconds[name] for name in sorted(self._steps) if self._seconds[name]}
        return ", ".join(f"{name} {rate:,.3g}/s" for name, rate in rates.items())
