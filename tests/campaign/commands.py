"""Commands of Unitscope as processes that a campaign watches and kills.

They are forked from a process that has imported all that a run needs, which is most of what a short run costs. What
uses Ray is started as from a shell: its threads would not live through a fork.
"""

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil

ROOT = Path(__file__).parents[2]
TO_END_S = 600


class Command(Protocol):
    """A command under way."""

    @property
    def returncode(self) -> int | None:
        """How it ended, as of `subprocess.Popen`; known after it was waited for."""

    def poll(self) -> int | None:
        """Return how it ended; None while it goes on."""

    def send_signal(self, number: int, /) -> None:
        """Send it a signal, if it is still there."""

    def kill(self) -> None:
        """Kill it."""

    def children(self) -> list[psutil.Process]:
        """Return the processes that it has started."""

    def communicate(self, timeout: float | None = None) -> tuple[str, str | None]:
        """Wait for it, and return what it said."""


def run(*words: object) -> Command:
    """Start a command."""
    told = list(map(str, words))
    if "--ray" not in told and hasattr(os, "fork"):
        return _Forked(told)
    return psutil.Popen(
        [sys.executable, "-m", "precompute", *told],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ending(started: Command) -> str:
    """Wait for a command and return what it said; one that does not end is killed, and that is its last word."""
    try:
        return str(started.communicate(timeout=TO_END_S)[0])
    except subprocess.TimeoutExpired:
        started.kill()
        return f"{started.communicate()[0]}\nTraceback: none, but it did not end within {TO_END_S} s"


class _Forked:
    """A command in a forked process."""

    def __init__(self, words: Sequence[str]) -> None:
        importlib.import_module("precompute.runs")
        handle, name = tempfile.mkstemp()
        os.close(handle)
        self._log = Path(name)
        self._process = multiprocessing.get_context("fork").Process(target=_carry_out, args=(words, self._log))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int, /) -> None:
        if self._process.is_alive() and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def children(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self._process.pid).children(recursive=True)
        return []

    def communicate(self, timeout: float | None = None) -> tuple[str, str | None]:
        self._process.join(timeout)
        if self._process.is_alive():
            raise subprocess.TimeoutExpired("a command", timeout or 0)
        said = self._log.read_text(errors="replace") if self._log.exists() else ""
        self._log.unlink(missing_ok=True)
        return said, None


def _carry_out(words: Sequence[str], log: Path) -> None:
    """Be that command, in the forked process, as if it had been started from a shell."""
    program = importlib.import_module("precompute.__main__")
    sys.modules["__main__"] = program  # what it starts imports this, and not the campaign
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs begin with it ignored
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.chdir(ROOT)
    out = os.open(log, os.O_WRONLY | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    status = 1
    try:
        status = program.main(list(words))
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except BaseException:  # as Python itself does
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait_until_gone(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait until processes that others have started are gone; return those that live on."""
    end = time.monotonic() + seconds
    while left := [process for process in processes if _lives(process)]:
        if time.monotonic() > end:
            break
        time.sleep(0.05)
    return left


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
