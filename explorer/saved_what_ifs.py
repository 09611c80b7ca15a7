"""The what-ifs that people save under a name, in one file beside the store: ``STORE.what-ifs.json``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from explorer import beside_store
from precompute.errors import OptionError

MOST_NAME, MOST_SAVED = 120, 500
PARTS = ("layer", "units", "change", "on")
_one_at_a_time = Lock()


@dataclass(frozen=True)
class SavedWhatIf:
    """One saved what-if.

    Parameters
    ----------
    name : str
        The name that a person gave it.
    asked : dict of str to str
        The parameters of the URL that ask the question: ``layer``, ``units``, ``change`` and ``on``; defaults are left
        out.
    """

    name: str
    asked: dict[str, str]


def file_of(store: Path) -> Path:
    """Return the file that holds a store's what-ifs."""
    return beside_store.file_beside(store, "what-ifs.json")


def load(store: Path) -> tuple[SavedWhatIf, ...]:
    """Return the saved what-ifs of a store, in the order in which they were saved; none without the file.

    Raises
    ------
    DiskError
        Where the file is there and cannot be understood.
    """
    return beside_store.load(file_of(store), "saved what-ifs", _read)


def save(store: Path, name: str, asked: Mapping[str, str]) -> None:
    """Save a what-if under a name, in place of an earlier one with this name.

    Raises
    ------
    OptionError
        Where the name is empty or too long, or there are too many.
    DiskError
        Where the file cannot be read or written; it is left as it was.
    """
    name = " ".join(name.split())
    if not name or len(name) > MOST_NAME:
        raise OptionError(f"A name has 1 to {MOST_NAME} characters; this one has {len(name)}.")
    with _one_at_a_time, beside_store.changing(file_of(store)):
        others = [each for each in load(store) if each.name != name]
        if len(others) >= MOST_SAVED:
            raise OptionError(f"{MOST_SAVED} what-ifs are saved already. Remove one first.")
        _write(store, [*others, SavedWhatIf(name, {part: asked[part] for part in PARTS if part in asked})])


def remove(store: Path, name: str) -> None:
    """Remove the what-if with a name.

    Raises
    ------
    DiskError
        Where the file cannot be read or written; it is left as it was.
    """
    with _one_at_a_time, beside_store.changing(file_of(store)):
        _write(store, [each for each in load(store) if each.name != name])


def _read(text: str) -> tuple[SavedWhatIf, ...]:
    held = json.loads(text)["what_ifs"]
    if len(held) > MOST_SAVED:  # a page shows them all
        raise ValueError(f"it holds {len(held):,} of them, more than {MOST_SAVED}")
    return tuple(map(_understood, held))


def _understood(told: Any) -> SavedWhatIf:
    asked = {part: str(told["asked"][part]) for part in PARTS if part in told["asked"]}
    return SavedWhatIf(str(told["name"])[:MOST_NAME], asked)


def _write(store: Path, saved: list[SavedWhatIf]) -> None:
    text = json.dumps({"what_ifs": [{"name": each.name, "asked": each.asked} for each in saved]}, indent=1)
    beside_store.write(file_of(store), text + "\n")
