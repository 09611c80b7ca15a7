"""Checks of the stores that are shown, made in separate processes, one after the other."""

import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

import psutil

from explorer.store_files import ROOT, StoreFile
from precompute.store.place import Identity, identity_of

LIMIT_S = 1800
_NICENESS = 10
_Key = tuple[Path, Identity]


class StoreChecks:
    """Results of checks of files, shared by all sessions of the app and kept for as long as a file is the same."""

    def __init__(self) -> None:
        self._said: dict[_Key, str | None] = {}
        self._one_at_a_time = Lock()

    def of(self, source: StoreFile) -> str | None:
        """Return the result of the check: empty where nothing is wrong, None where the check has not ended.

        It is empty too for a file that no longer exists; only an outdated page asks for that.
        """
        return self._said.get((source.path, source.signature))

    def start(self, source: StoreFile) -> None:
        """Start the check of a file, once."""
        key = (source.path, source.signature)
        if key not in self._said:
            self._said[key] = None
            Thread(target=self._find, args=(key,), daemon=True).start()

    def _find(self, key: _Key) -> None:
        with self._one_at_a_time:
            self._said[key] = check_apart(key[0]) if _is_there(key) else ""


def _is_there(key: _Key) -> bool:
    with suppress(OSError):
        return identity_of(key[0]) == key[1]
    return False


def check_apart(path: Path) -> str:
    """Check a store in a separate process; return a sentence if it fails, and an empty text if it passes.

    Parameters
    ----------
    path : Path
        A file that the app can open.
    """
    command = ["-m", "precompute", "check", str(path.absolute())]
    with subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        let_others_first(process.pid)
        try:
            written = process.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"The check of this store did not come to an end within {LIMIT_S // 60} minutes."
    if process.returncode == 0:
        return ""
    lines, said = (text.decode("utf-8", "replace").splitlines() for text in written)
    if not lines:  # the check itself failed, which need not be the store's fault
        why = said[-1] if said else f"it ended with status {process.returncode}"
        return f"This store could not be checked: {why}. `python {shlex.join(command)}` tries again."
    ways = f"`python {shlex.join(command)}` lists all that it finds."
    *problems, _ = lines
    experiments = {problem.split("/")[2] if problem.startswith("/experiments/") else "" for problem in problems}
    if len(experiments) == 1 and "" not in experiments:
        # So it is where an earlier version made it by other formulas.
        (name,) = experiments
        again = f"`python {shlex.join(['-m', 'precompute', 'experiment', name, str(path.absolute())])}` makes it again."
        return f"The experiment {name} of this store fails its check, so numbers from it may be wrong. {again} {ways}"
    return f"This store fails its check: {lines[0]}. Numbers shown here may be wrong. {ways}"


def let_others_first(pid: int) -> None:
    """Lower the priority of a process: nobody waits for a check, and on a large store it takes a core for a minute."""
    with suppress(psutil.Error):  # it may have ended
        psutil.Process(pid).nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if psutil.WINDOWS else _NICENESS)
