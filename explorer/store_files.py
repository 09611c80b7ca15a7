"""The stores that the app can show: the one that it was started with, or those in ``runs/``.

The URL names a store by its file's name without the ending, never by a path, so a link cannot open any other file.
"""

import argparse
import os
import shlex
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from precompute.errors import OptionError, StoreMissing
from precompute.store.place import Identity, identity_of
from precompute.words import printable

ROOT = Path(__file__).resolve().parents[1]
MOST_OPENED = 30
"""How many stores are opened or offered because they lie in one folder; each stays open, after a probe of its own."""


@dataclass(frozen=True)
class StoreFile:
    """A file that may be a store, and its name in the URL, which is a text whatever bytes the file's name has."""

    name: str
    path: Path

    @property
    def quoted(self) -> str:
        """The path, quoted for a command that is shown."""
        return shlex.quote(printable(str(self.path)))

    @cached_property
    def signature(self) -> Identity:
        """The identity of the file when this was first asked for; it changes when the file is replaced.

        Each rerun makes these objects again, so that one rerun shows one file.

        Raises
        ------
        StoreMissing
            When there is no such file.
        """
        try:
            return identity_of(self.path)
        except OSError as error:
            raise StoreMissing(f"{self.path}: there is no such file. It may have been moved or removed.") from error


def runs_folder() -> Path:
    """Return the folder in which to look for stores: ``UNITSCOPE_RUNS``, or ``runs/`` of the project."""
    return Path(os.environ.get("UNITSCOPE_RUNS") or ROOT / "runs")


def find_store_files(argv: Sequence[str]) -> tuple[StoreFile, ...]:
    """List the stores to offer, the newest first.

    Parameters
    ----------
    argv : sequence of str
        The process's arguments, ``sys.argv``.

    Returns
    -------
    tuple of StoreFile
        The file of ``--store`` alone, or every ``*.h5`` in the runs folder; empty where there are none.

    Raises
    ------
    OptionError
        When the arguments cannot be understood.
    StoreMissing
        When ``--store`` names no file.
    """
    asked = app_options(argv).store
    if asked is not None:
        if _written_at(asked) is None:
            raise StoreMissing(f"--store {asked}: there is no such file. Start the app with the path of a store.")
        return (StoreFile(printable(asked.stem), asked),)
    times = {path: _written_at(path) for path in runs_folder().glob("*.h5") if not path.name.startswith(".")}
    found = sorted((-time, path.name, path) for path, time in times.items() if time is not None)
    return tuple(StoreFile(printable(path.stem), path) for _, _, path in found)


def _written_at(path: Path) -> float | None:
    """Return when a file was written last; None where a path leads to no file, or the system does not say where."""
    with suppress(OSError):
        facts = path.stat()
        return facts.st_mtime if stat.S_ISREG(facts.st_mode) else None
    return None


@dataclass(frozen=True)
class AppOptions:
    """The arguments that the app was started with.

    Parameters
    ----------
    store : Path or None
        The only store to show.
    images : Path or None
        The folder of that store's images now, for pages that run the network on them.
    allow_code : bool
        Whether networks that are built by Python files may be loaded, which runs these files.
    """

    store: Path | None = None
    images: Path | None = None
    allow_code: bool = False


_USAGE = "Start the app with `streamlit run app.py -- --store FILE.h5`."


def app_options(argv: Sequence[str]) -> AppOptions:
    """Read the app's arguments.

    Raises
    ------
    OptionError
        When they cannot be understood.
    """
    # Streamlit puts the script's own path first; in any other program the arguments are not meant for the app.
    if not argv or Path(argv[0]).name != "app.py":
        return AppOptions()
    parser = argparse.ArgumentParser(exit_on_error=False, add_help=False, allow_abbrev=False)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--allow-code", action="store_true")
    try:
        options, unknown = parser.parse_known_args(argv[1:])
    except argparse.ArgumentError as error:
        raise OptionError(f"{error}. {_USAGE}") from error
    if unknown:
        raise OptionError(f"Unknown argument {unknown[0]!r}. {_USAGE}")
    if options.images is not None and options.store is None:
        raise OptionError(f"--images {options.images}: name the store whose images these are by --store.")
    return AppOptions(**vars(options))
