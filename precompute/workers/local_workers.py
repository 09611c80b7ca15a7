"""Workers on this machine: a process for each device that is named. Processes are spawned, not forked."""

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
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
        How a worker builds what pieces are computed with.
    devices
        The devices; one that is named twice gets two processes.
    """

    def __init__(self, recipe: Recipe, devices: Sequence[torch.device]) -> None:
        self._recipe = pickle.dumps(recipe)
        count, seen = Counter(devices), Counter[torch.device]()
        self.threads, self.n_devices = threads_each(len(devices)), len(set(devices))
        self._places: dict[str, Place] = {}
        for device in devices:
            seen[device] += 1
            name = str(device) if count[device] == 1 else f"{device} ({seen[device]})"
            self._places[name] = Place(device, threads=self.threads, among=len(devices), sharers=count[device])
        self._running: list[_Process] = []

    def start(self) -> Sequence[Worker]:
        """Start a worker in every place; see `precompute.workers.worker_pool.Workers`."""
        if torch.cuda.is_initialized():
            torch.cuda.empty_cache()  # memory that planning still holds
        return [self._started(name) for name in self._places]

    def replace(self, gone: Worker) -> Worker | None:
        """Start another worker in the place of one that has ended."""
        return self._started(gone.name)

    def receive(self, busy: Sequence[Worker]) -> list[tuple[Worker, Message]]:
        """Wait for messages of busy workers, at most half a second; return those that have come."""
        processes = [process for process in self._running if process in busy]
        wait([process.connection for process in processes], timeout=_PATIENCE_S)
        received = [(process, process.message()) for process in processes]
        return [(process, message) for process, message in received if message is not None]

    def close(self) -> None:
        """End all workers."""
        for process in self._running:
            process.connection.close()  # the process notices this, and ends
        for process in self._running:
            process.stop()
        self._running.clear()

    def _started(self, name: str) -> "_Process":
        self._running = [process for process in self._running if process.is_alive]
        self._running.append(_Process(name, self._places[name], self._recipe))
        return self._running[-1]


class _Process:
    """A worker, as the main process sees it."""

    def __init__(self, name: str, place: Place, recipe: bytes) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, place), name=f"unitscope {name}")
        with _ctrl_c_blocked():
            self._process.start()
        theirs.close()
        self._send(recipe)

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def give(self, task: Task) -> None:
        self._send(pickle.dumps(task))

    def message(self) -> Message | None:
        """Return its next message, or `Lost` if it has ended; None if there is no message."""
        gone = not self._process.is_alive()  # asked first: messages from before its end must still be received
        try:
            if self.connection.poll():
                message: Message = pickle.loads(self.connection.recv_bytes())
                return message
        except (EOFError, OSError, pickle.UnpicklingError):
            self._process.join(_TO_END_S)
            gone = True
        return Lost(_ending(self._process.exitcode)) if gone else None

    def stop(self) -> None:
        """End the process; its piece is lost."""
        self.connection.close()
        self._process.join(2 * _TO_FINISH_S)
        for end in (self._process.terminate, self._process.kill):
            if self._process.is_alive():
                end()
                self._process.join(_TO_END_S)

    def _send(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the process has ended, as its next message will say
            self.connection.send_bytes(data)


@contextlib.contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Block Ctrl-C: a process that is started meanwhile never receives it, not even while it imports."""
    if sys.platform == "win32":
        yield
        return
    resource_tracker.ensure_running()  # started later, it would let the signal through again
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
    killed = ", perhaps because memory ran out" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{killed}"


# In the worker's process


def _serve(connection: Connection, place: Place) -> None:
    """Compute one piece after the other, until the main process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the main one decides
    inbox = _Inbox(connection)
    piece_worker = PieceWorker(inbox.next(), place)
    with contextlib.suppress(OSError):  # the connection is closed: nobody listens any more
        while (task := inbox.next()) is not None:
            teller = _Teller(connection)
            message = piece_worker.compute(task, teller.advance)
            _say(connection, replace(message, steps=teller.left) if isinstance(message, Made) else message)
            if isinstance(message, Lost):
                return  # the error may have left this process in a bad state; another one replaces it


class _Inbox:
    """What the main process sends, read by a thread, so that the worker notices at once when that process ends."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._waiting: SimpleQueue[bytes] = SimpleQueue()
        Thread(target=self._read, daemon=True).start()

    def next(self) -> Any:
        """Wait for the next object and return it; None if the main process has ended."""
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
    """Sends the number of steps that are done, but not more often than every fifth of a second."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._last, self.left = connection, monotonic(), 0

    def advance(self, steps: int = 1) -> None:
        self.left += steps
        if monotonic() - self._last > _BETWEEN_STEPS_S:
            _say(self._connection, Steps(self.left))
            self._last, self.left = monotonic(), 0


def _say(connection: Connection, message: Message) -> None:
    connection.send_bytes(pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL))
