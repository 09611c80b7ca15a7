"""Workers on this machine: a process for each device that was named, started anew and not forked."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import Any

import torch

from precompute.models.device import threads_each
from precompute.workers.piece_worker import PieceWorker
from precompute.workers.recipe import Place, Recipe
from precompute.workers.worker_pool import Lost, Made, Message, Steps, Task, Worker

_PATIENCE_S = 0.5
_TO_END_S = 5.0
_TO_FINISH_S = 1.0
_BETWEEN_STEPS_S = 0.2


class LocalWorkers:
    """A process for each of some devices.

    Parameters
    ----------
    recipe
        Of what pieces are computed with.
    devices
        The devices; one that stands there twice gets two processes.
    """

    def __init__(self, recipe: Recipe, devices: Sequence[torch.device]) -> None:
        self._recipe = pickle.dumps(recipe)
        count, seen = Counter(devices), Counter[torch.device]()
        self.threads, self.n_devices = threads_each(len(devices)), len(set(devices))
        self._seats: list[_Seat] = []
        for device in devices:
            seen[device] += 1
            name = str(device) if count[device] == 1 else f"{device} ({seen[device]})"
            place = Place(device, threads=self.threads, among=len(devices), sharers=count[device])
            self._seats.append(_Seat(name, place))
        self._running: list[_Process] = []

    def start(self) -> Sequence[Worker]:
        """Start a worker in every place; see `precompute.workers.worker_pool.Workers`."""
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()  # what planning has left
        return [self._started(seat) for seat in self._seats]

    def again(self, gone: Worker) -> Worker | None:
        """Start another worker in the place of one that is gone."""
        return self._started(next(seat for seat in self._seats if seat.name == gone.name))

    def hear(self, busy: Sequence[Worker]) -> list[tuple[Worker, Message]]:
        """Wait until some workers say something, or for half a second."""
        processes = [process for process in self._running if process in busy]
        wait([process.connection for process in processes], timeout=_PATIENCE_S)
        heard = [(process, process.said()) for process in processes]
        return [(process, message) for process, message in heard if message is not None]

    def close(self) -> None:
        """End all of them."""
        for process in self._running:
            process.connection.close()  # which it notices, and ends
        for process in self._running:
            process.stop()
        self._running.clear()

    def _started(self, seat: "_Seat") -> "_Process":
        self._running = [process for process in self._running if process.is_alive]
        self._running.append(_Process(seat, self._recipe))
        return self._running[-1]


@dataclass(frozen=True)
class _Seat:
    """A place for a process."""

    name: str
    place: Place


class _Process:
    """A worker as the process sees it that gives out pieces."""

    def __init__(self, seat: _Seat, recipe: bytes) -> None:
        self.name = seat.name
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, seat), name=f"unitscope {seat.name}")
        with _deaf_from_birth():
            self._process.start()
        theirs.close()
        self._send(recipe)

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def give(self, task: Task) -> None:
        self._send(pickle.dumps(task))

    def said(self) -> Message | None:
        """Return what it says, if anything; that it is gone, if it is."""
        gone = not self._process.is_alive()  # asked first: what it said before its end is still to be heard
        try:
            if self.connection.poll():
                message: Message = pickle.loads(self.connection.recv_bytes())
                return message
        except (EOFError, OSError, pickle.UnpicklingError):
            self._process.join(_TO_END_S)
            gone = True
        return Lost(_ending(self._process.exitcode)) if gone else None

    def stop(self) -> None:
        """End it; what it is at is lost."""
        self.connection.close()
        self._process.join(2 * _TO_FINISH_S)
        for end in (self._process.terminate, self._process.kill):
            if self._process.is_alive():
                end()
                self._process.join(_TO_END_S)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # it is gone, which hearing it will tell
            self.connection.send_bytes(data)


@contextlib.contextmanager
def _deaf_from_birth() -> Iterator[None]:
    """Hold Ctrl-C back for a moment: a process that is started meanwhile never hears it, not even while it imports."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # which would let signals through again, once it is started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _ending(status: int | None) -> str:
    """Say how a process ended."""
    if status is None or status >= 0:
        return f"its process ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    killed = ", perhaps for want of memory" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{killed}"


# In the worker's process


def _serve(connection: Connection, seat: _Seat) -> None:
    """Compute one piece after the other, until the process that gives them out is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the one that started them decides
    inbox = _Inbox(connection)
    piece_worker = PieceWorker(inbox.next(), seat.place)
    with contextlib.suppress(OSError):  # of the connection: nobody listens any more
        while (task := inbox.next()) is not None:
            teller = _Teller(connection)
            message = piece_worker.compute(task, teller.advance)
            _say(connection, replace(message, steps=teller.left) if isinstance(message, Made) else message)
            if isinstance(message, Lost):
                return  # whatever went wrong may have left something behind


class _Inbox:
    """What the process sends that gives out pieces, read by a thread, so that its end is noticed at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: SimpleQueue[bytes] = SimpleQueue()
        Thread(target=self._read, daemon=True).start()

    def next(self) -> Any:
        """Return the next thing, waiting for it; None when the other process is gone."""
        return pickle.loads(self._waiting.get())

    def _read(self) -> None:
        try:
            while True:
                self._waiting.put(self._connection.recv_bytes())
        except (EOFError, OSError):
            self._waiting.put(pickle.dumps(None))
        sleep(_TO_FINISH_S)
        os._exit(0)  # nobody waits for what is still computed


class _Teller:
    """Tells of steps, several at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._last, self.left = connection, monotonic(), 0

    def advance(self, steps: int = 1) -> None:
        self.left += steps
        if monotonic() - self._last > _BETWEEN_STEPS_S:
            _say(self._connection, Steps(self.left))
            self._last, self.left = monotonic(), 0


def _say(connection: Connection, message: Message) -> None:
    connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))
