"""Workers on this machine: a process for each device that was named, started anew and not forked."""

import contextlib
import multiprocessing
import os
import pickle
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep
from typing import Any

import torch

from precompute.models.device import threads_each
from precompute.run.plan_recipe import PlanRecipe
from precompute.run.shard_worker import ShardWorker
from precompute.run.worker_pool import Lost, Made, Message, Steps, Task, Worker

_PATIENCE_S = 0.5
_TO_END_S = 5.0
_TO_FINISH_S = 1.0
_BETWEEN_STEPS_S = 0.2


class LocalWorkers:
    """A process for each of some devices.

    Parameters
    ----------
    recipe
        Of the run's plan.
    devices
        The devices; one that stands there twice gets two processes.
    """

    def __init__(self, recipe: PlanRecipe, devices: Sequence[torch.device]) -> None:
        self._recipe = pickle.dumps(recipe)
        count, seen = Counter(devices), Counter[torch.device]()
        self.threads = threads_each(len(devices))
        self._seats: list[_Seat] = []
        for device in devices:
            seen[device] += 1
            name = str(device) if count[device] == 1 else f"{device} ({seen[device]})"
            self._seats.append(_Seat(name, device, self.threads, len(devices), count[device]))
        self._running: list[_Process] = []

    def start(self) -> Sequence[Worker]:
        """Start a worker in every place; see `precompute.run.worker_pool.Workers`."""
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


class _Seat:
    """A place for a process, and what it is told of those beside it; see `ShardWorker`."""

    def __init__(self, name: str, device: torch.device, threads: int, among: int, sharers: int) -> None:
        self.name, self.device = name, device
        self.threads, self.among, self.sharers = threads, among, sharers

    def shard_worker(self, recipe: PlanRecipe) -> ShardWorker:
        return ShardWorker(recipe, self.device, threads=self.threads, among=self.among, sharers=self.sharers)


class _Process:
    """A worker as the run's process sees it."""

    def __init__(self, seat: _Seat, recipe: bytes) -> None:
        self.name = seat.name
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, seat), name=f"unitscope {seat.name}")
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
    """Compute one shard after the other, until the run's process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the run's own decides
    inbox = _Inbox(connection)
    shard_worker = seat.shard_worker(inbox.next())
    with contextlib.suppress(OSError):  # of the connection: nobody listens any more
        while (task := inbox.next()) is not None:
            teller = _Teller(connection)
            message = shard_worker.compute(task, teller.advance)
            _say(connection, replace(message, steps=teller.left) if isinstance(message, Made) else message)
            if isinstance(message, Lost):
                return  # whatever went wrong may have left something behind


class _Inbox:
    """What the run's process sends, read by a thread of its own, so that its end is noticed at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: SimpleQueue[bytes] = SimpleQueue()
        Thread(target=self._read, daemon=True).start()

    def next(self) -> Any:
        """Return the next thing, waiting for it; None when the run's process is gone."""
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
