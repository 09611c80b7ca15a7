"""Small files beside a store that keep what people say about it; the store itself is never written."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from precompute.errors import DiskError, OptionError
from precompute.store.lock import alone
from precompute.store.place import keep_rights, sync_file, sync_folder

Held = TypeVar("Held")

MOST_BYTES = 2**24
_TOO_LARGE = f"it has more than {MOST_BYTES} bytes"
PATIENCE_S = 10.0
"""How long to wait for another program that writes the same file."""


def file_beside(store: Path, ending: str) -> Path:
    """Return the file of a kind that lies beside a store, such as ``demo.labels.csv``."""
    return store.with_name(f"{store.stem}.{ending}")


def load(file: Path, of: str, understood: Callable[[str], tuple[Held, ...]]) -> tuple[Held, ...]:
    """Return the contents of a file; empty where the file does not exist.

    Parameters
    ----------
    file : Path
        The file.
    of : str
        What the file holds, in the plural, for messages.
    understood : callable
        Turns the file's text into its contents.

    Raises
    ------
    DiskError
        Where the file exists and cannot be read, is too large, or cannot be understood.
    """
    try:
        facts = file.stat()
        if not stat.S_ISREG(facts.st_mode):  # reading a pipe or a device might never end
            raise ValueError("it is not a regular file")
        if facts.st_size > MOST_BYTES:
            raise ValueError(_TOO_LARGE)
        # Line ends stay as they are: they may be a part of what people wrote.
        with file.open(encoding="utf-8", errors="surrogatepass", newline="") as opened:
            return understood(opened.read())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, KeyError, TypeError, RecursionError, OptionError) as error:
        raise DiskError(f"{file}: this file of {of} cannot be read ({error}). Mend it or move it.") from error


@contextmanager
def changing(file: Path) -> Iterator[None]:
    """Keep other programs, such as a second server on the same stores, from changing a file inside the block.

    Raises
    ------
    DiskError
        Where another program holds the file for too long, or the folder cannot be written.
    """
    place = _followed(file)
    with ExitStack() as held:
        try:
            held.enter_context(alone(place.with_name(f".{place.name}.lock"), patience_s=PATIENCE_S))
        except BlockingIOError as error:
            raise DiskError(f"{file}: another program has been writing this file for long. Try again.") from error
        except OSError as error:
            raise _not_written(file, error.strerror) from error
        yield


def write(file: Path, text: str) -> None:
    """Replace the contents of a file by a text, in one step.

    Raises
    ------
    DiskError
        Where it cannot be written, or could not be read any more; the file is left as it was.
    """
    place, data = _followed(file), text.encode("utf-8", "surrogatepass")
    if len(data) > MOST_BYTES:
        raise _not_written(file, _TOO_LARGE.replace("has", "would have"))
    part = place.with_name(f".{place.name}.part-{os.getpid()}")
    try:
        part.unlink(missing_ok=True)
        with part.open("xb") as opened:  # never through a link that somebody has put there
            keep_rights(part, place)
            opened.write(data)
        sync_file(part)
        part.replace(place)
        sync_folder(place.parent)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise _not_written(file, error.strerror) from error


def _followed(file: Path) -> Path:
    """Return where a link leads: it stays a link, and all programs lock and replace the same file."""
    return Path(os.path.realpath(file))


def _not_written(file: Path, reason: str | None) -> DiskError:
    return DiskError(f"{file}: this file cannot be written ({reason}). It is as it was; put that right and try again.")
