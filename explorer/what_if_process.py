"""The process beside the app that runs networks: one for all visitors, whose questions wait in line.

It is started with the first question and again if it has died. It ends with the app, or after a while without
questions, to free its memory. The app's own process sends and receives plain messages and never loads a network.
"""

import os
import shlex
import subprocess
import sys
from collections import OrderedDict, deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Condition, Event, Thread
from time import monotonic
from typing import IO, Any, Literal

import numpy as np

from explorer.store_files import ROOT
from precompute.what_if.request import Request
from precompute.what_if.wire import Arrays, WireError, receive, send

State = Literal["waiting", "running", "answered", "refused", "stopped"]

_MOST_KEPT, _MOST_BYTES_KEPT = 64, 2**25
_LOOK_S = 0.05
_LAST_LINES = 4
_Message = tuple[dict[str, Any], Arrays] | None


@dataclass(frozen=True)
class Question:
    """A question, and the store that it is about.

    Parameters
    ----------
    store : Path
        The file.
    signature : tuple of int
        The identity of the file; it changes when the file is replaced.
    request : Request
        The question.
    images : Path or None
        The folder of the store's images now; None for the folder that the store names.
    picture : bytes
        The picture that the question is about, if the request says that there is one.
    """

    store: Path
    signature: tuple[int, ...]
    request: Request
    images: Path | None = None
    picture: bytes = field(default=b"", repr=False)

    def told(self, number: int) -> dict[str, Any]:
        """Return the message that asks the question, without the picture."""
        return {
            "do": "ask",
            "id": number,
            "store": os.fsencode(self.store).hex(),
            "signature": list(self.signature),
            "images": None if self.images is None else str(self.images),
            "request": self.request.as_json(),
        }

    @property
    def key(self) -> tuple[Any, ...]:
        """A key that equal questions share; it contains only the SHA-256 of the picture."""
        return self.store, self.signature, self.request, self.images, sha256(self.picture).hexdigest()


class Job:
    """A question that waits, is being answered, or is answered."""

    def __init__(self, question: Question, number: int) -> None:
        self.question, self.key, self.number = question, question.key, number
        self.state: State = "waiting"
        self.stage, self.done, self.total = "", 0, 0
        self.why = ""
        self.arrays: Arrays = {}
        self.stop_asked_at: float | None = None
        self._ended = Event()

    @property
    def n_bytes(self) -> int:
        """How much memory the answer takes."""
        return sum(array.nbytes for array in self.arrays.values())

    @property
    def ended(self) -> bool:
        """Whether the job has ended."""
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the job, and say whether it has come."""
        return self._ended.wait(seconds)

    def stop(self) -> None:
        """Ask to stop the job."""
        self.stop_asked_at = self.stop_asked_at or monotonic()

    def end(self, state: State, *, why: str = "", arrays: Arrays | None = None) -> None:
        """End the job with the answer, or with the reason why there is none."""
        self.state, self.why, self.arrays = state, why, arrays or {}
        self.question = replace(self.question, picture=b"")  # the reader's picture is not kept
        self._ended.set()


class WhatIfProcess:
    """The process, and the questions that wait for it.

    Parameters
    ----------
    command : sequence of str
        Starts it.
    idle_s : float
        Seconds without a question after which the process is ended.
    grace_s : float
        Seconds after a request to stop until the process is killed; it is started again for the next question.
    """

    def __init__(self, command: Sequence[str], *, idle_s: float = 900.0, grace_s: float = 3.0) -> None:
        self._command, self._idle_s, self._grace_s = list(command), idle_s, grace_s
        self._jobs: OrderedDict[tuple[Any, ...], Job] = OrderedDict()
        self._waiting: deque[Job] = deque()
        self._news = Condition()
        self._n_asked = 0
        self._running: _Running | None = None
        self._last_words = ""
        Thread(target=self._work, daemon=True).start()

    def ask(self, question: Question) -> Job:
        """Put a question at the end of the line; a question that was asked before returns the earlier job.

        Questions about a picture of the reader are not remembered.
        """
        key = question.key
        with self._news:
            job = self._jobs.get(key)
            if job is None:
                self._n_asked += 1
                job = Job(question, self._n_asked)
                self._waiting.append(job)
                self._news.notify()
            if not question.request.upload:
                self._jobs[key] = job
                self._jobs.move_to_end(key)
                self._forget_oldest()
            return job

    def before(self, job: Job) -> int:
        """Return how many questions are ahead of a waiting one, the running one included; 0 if it does not wait."""
        with self._news:
            return self._waiting.index(job) + 1 if job in self._waiting else 0

    def forget(self, job: Job) -> None:
        """Forget an ended job, so that its question can be asked again."""
        with self._news:
            if self._jobs.get(job.key) is job:
                del self._jobs[job.key]

    @property
    def is_running(self) -> bool:
        """Whether the process is running now."""
        return self._running is not None and self._running.process.poll() is None

    def _forget_oldest(self) -> None:
        """Forget answers, the oldest first, if they are too many or take too much memory; never the last one."""
        ended = [(key, job) for key, job in list(self._jobs.items())[:-1] if job.ended]
        n_bytes = sum(job.n_bytes for _, job in ended)
        for key, job in ended:
            if len(self._jobs) <= _MOST_KEPT and n_bytes <= _MOST_BYTES_KEPT:
                break
            n_bytes -= job.n_bytes
            del self._jobs[key]

    # In the thread that owns the process

    def _work(self) -> None:
        while True:
            with self._news:
                if not self._waiting and not self._news.wait(self._idle_s):
                    self._end()
                if not self._waiting:
                    continue
                job = self._waiting.popleft()
            try:
                self._answer(job)
            except Exception as error:  # a fault of ours must not block all other questions
                self._end()
                job.end("refused", why=f"This failed, with {type(error).__name__}: {error}")

    def _answer(self, job: Job) -> None:
        job.state = "running"
        for _attempt in range(2):
            try:
                self._exchange(job)
                return
            except (_Died, OSError):
                self._end()
        job.end("refused", why=f"The process that runs the network ended twice without an answer. {self._last_words}")

    def _exchange(self, job: Job) -> None:
        if not self.is_running:
            self._end()
            self._running = _Running.start(self._command)
        assert self._running is not None
        running, told = self._running, False
        running.ask(job)
        while True:
            if job.stop_asked_at is not None:
                if not told:
                    running.tell({"do": "stop", "id": job.number})
                    told = True
                if monotonic() - job.stop_asked_at > self._grace_s:
                    self._end()
                    job.end("stopped")
                    return
            message = running.next(_LOOK_S)
            if message is not None and message[0].get("id") == job.number and _taken(job, *message):
                return

    def _end(self) -> None:
        if self._running is not None:
            self._running.end()
            self._last_words = self._running.last_words
        self._running = None


class _Died(Exception):
    """The process has ended."""


def _taken(job: Job, told: dict[str, Any], arrays: Arrays) -> bool:
    """Apply a message to the job; say whether it is the last one."""
    match told.get("say"):
        case "progress":
            job.stage, job.done, job.total = str(told["stage"]), int(told["done"]), int(told["total"])
            return False
        case "answer":
            job.end("answered", arrays=arrays)
        case "stopped":
            job.end("stopped")
        case _:
            job.end("refused", why=str(told.get("why", "It said nothing that can be understood.")))
    return True


class _Running:
    """One process, with the messages to it and from it, and the last lines that it prints."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self._unsent: SimpleQueue[_Message] = SimpleQueue()
        self._messages: SimpleQueue[_Message] = SimpleQueue()
        self._lines: deque[str] = deque(maxlen=_LAST_LINES)
        streams = ((self._write, process.stdin), (self._read, process.stdout), (self._drain, process.stderr))
        for target, stream in streams:
            Thread(target=target, args=(stream,), daemon=True).start()

    @classmethod
    def start(cls, command: Sequence[str]) -> "_Running":
        # Its threads must not spin while they wait, because the app needs the processor.
        environment, pipe = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}, subprocess.PIPE
        return cls(subprocess.Popen(command, cwd=ROOT, env=environment, stdin=pipe, stdout=pipe, stderr=pipe))

    def ask(self, job: Job) -> None:
        question = job.question
        arrays = {"upload": np.frombuffer(question.picture, dtype=np.uint8)} if question.request.upload else {}
        self.tell(question.told(job.number), arrays)

    def tell(self, told: dict[str, Any], arrays: Arrays | None = None) -> None:
        """Send a message without waiting: a process that does not read would block whoever waits."""
        self._unsent.put((told, arrays or {}))

    def next(self, seconds: float) -> tuple[dict[str, Any], Arrays] | None:
        """Return the next message; None where none comes in time.

        Raises
        ------
        _Died
            Where none can come any more.

        """
        try:
            message = self._messages.get(timeout=seconds)
        except Empty:
            if self.process.poll() is not None and self._messages.empty():
                raise _Died from None
            return None
        if message is None:
            raise _Died
        return message

    @property
    def last_words(self) -> str:
        return " ".join(self._lines)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._unsent.put(None)

    def _write(self, stream: IO[bytes]) -> None:
        with suppress(OSError, ValueError):  # the process has ended
            while (message := self._unsent.get()) is not None:
                send(stream, *message)

    def _read(self, stream: IO[bytes]) -> None:
        try:
            while (message := receive(stream)) is not None:
                self._messages.put(message)
        except (WireError, OSError, ValueError, MemoryError):
            pass
        self._messages.put(None)

    def _drain(self, stream: IO[bytes]) -> None:
        # In pieces of limited size, because a line need not end.
        for line in iter(lambda: stream.readline(2**12), b""):
            self._lines.append(line.decode("utf-8", "replace").strip())


def process_command(*, allow_code: bool) -> list[str]:
    """Return the command that starts the process; ``UNITSCOPE_WHAT_IF_COMMAND`` can replace it."""
    stand_in = os.environ.get("UNITSCOPE_WHAT_IF_COMMAND")
    command = shlex.split(stand_in) if stand_in else [sys.executable, "-m", "precompute.what_if.worker"]
    return [*command, *(["--allow-code"] if allow_code else [])]
