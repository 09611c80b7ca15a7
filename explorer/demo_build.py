"""Building the demo store from the app, in a separate process.

The build outlives a page reload and is shared by all tabs, because the app's process holds one :class:`DemoBuild`. The
child process reports through a small JSON file that it replaces atomically; its output goes to a log.
"""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from explorer.store_files import ROOT, runs_folder
from precompute.errors import DiskError

_LAST_LINES = 8


@dataclass(frozen=True)
class BuildProgress:
    """The progress of a build.

    Parameters
    ----------
    stage : str
        The present stage; empty before the first report.
    done, total : int
        Steps of the stage, done and in all; 0 where they are not reported.
    overall : float
        Share of the whole work, 0 to 1.
    """

    stage: str = ""
    done: int = 0
    total: int = 0
    overall: float = 0.0


class DemoBuild:
    """One build at a time, shared by all sessions of the app."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start building, unless a build is going on.

        Raises
        ------
        DiskError
            When the runs folder cannot be written, or the build cannot be started.
        """
        with self._lock:
            if self.running:
                return
            environment = {**os.environ, "UNITSCOPE_PROGRESS": str(_progress_file()), "PYTHONUNBUFFERED": "1"}
            try:
                _log_file().parent.mkdir(parents=True, exist_ok=True)
                _progress_file().unlink(missing_ok=True)
                with _log_file().open("wb") as log:
                    self._process = subprocess.Popen(
                        demo_command(),
                        cwd=ROOT,
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
            except OSError as error:
                raise DiskError(
                    f"{runs_folder()}: the demo cannot be built here ({error.strerror}). Make this folder writable."
                ) from error

    def stop(self) -> None:
        """Stop the build, if one is going on."""
        with self._lock:
            if self._process is not None:
                self._process.terminate()
                self._process.wait(timeout=30)
                self._process = None

    @property
    def running(self) -> bool:
        """Whether a build is going on."""
        return self._process is not None and self._process.poll() is None

    @property
    def failed(self) -> bool:
        """Whether the last build ended in an error."""
        return self._process is not None and self._process.poll() not in (None, 0)

    @property
    def progress(self) -> BuildProgress:
        """The progress that the build reported last."""
        return read_progress(_progress_file())

    @property
    def last_words(self) -> str:
        """The last lines of the build's output."""
        text = ""
        with suppress(OSError):
            text = _log_file().read_text("utf-8", errors="replace")
        # A progress bar redraws itself after each carriage return, so only its last state is kept.
        lines = [line.rsplit("\r", 1)[-1] for line in text.replace("\r\n", "\n").split("\n")]
        return "\n".join([line for line in lines if line.strip()][-_LAST_LINES:])


def demo_command() -> Sequence[str]:
    """Return the command that builds the demo store; ``UNITSCOPE_DEMO_COMMAND`` can replace it."""
    stand_in = os.environ.get("UNITSCOPE_DEMO_COMMAND")
    command = shlex.split(stand_in) if stand_in else [sys.executable, "-m", "precompute", "demo"]
    return [*command, "--out", str(runs_folder() / "demo.h5")]


def read_progress(path: Path) -> BuildProgress:
    """Read a progress file; no progress where it is missing or cannot be understood."""
    try:
        said = json.loads(path.read_text("utf-8"))
        return BuildProgress(str(said["stage"]), int(said["done"]), int(said["total"]), _share(said["overall"]))
    except (OSError, ValueError, KeyError, TypeError):
        return BuildProgress()


def _share(value: Any) -> float:
    return min(1.0, max(0.0, float(value)))


def _progress_file() -> Path:
    return runs_folder() / ".build" / "progress.json"


def _log_file() -> Path:
    return runs_folder() / ".build" / "log.txt"
