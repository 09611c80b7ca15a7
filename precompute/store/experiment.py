"""One experiment of a store: its facts, and its datasets by their path inside its group."""

import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.errors import StoreDamaged
from precompute.store import schema
from precompute.store.renamed import current
from precompute.store.storefile import StoreFile


class Experiment(Mapping[str, NDArray[Any]]):
    """One experiment; a mapping from paths such as ``layers/features.11/accuracy`` to arrays.

    Made by :meth:`precompute.store.reader.Store.experiment`. An array is read when it is asked for; strings are
    returned as an array of ``str``. A path that is not in the format raises :class:`KeyError`; an array that is damaged
    or missing raises :class:`precompute.errors.StoreDamaged`. Use ``in`` to ask whether an optional array is there.
    """

    def __init__(self, file: StoreFile, name: str) -> None:
        self._file = file
        self.name = name

    def __repr__(self) -> str:
        return f"Experiment({self.name!r}, {len(self)} datasets)"

    def __getitem__(self, path: str) -> NDArray[Any]:
        self._refuse_missing(path)
        full = self._path(self._paths[path])
        if self._file.is_text(full):
            return np.array(self._file.strings(full), dtype=np.str_)
        return self._file.read(full)

    def read(self, path: str, selection: Any) -> NDArray[Any]:
        """Return a part of an array of numbers, such as ``np.s_[:, 3]``, without reading the rest of it."""
        self._refuse_missing(path)
        return self._file.read(self._path(self._paths[path]), selection)

    def get(self, path: str, default: Any = None) -> Any:
        """Return an array, or a default where the experiment does not hold it."""
        return self[path] if path in self else default  # noqa: SIM401  this is that method

    def __contains__(self, path: object) -> bool:
        return path in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Title, source, time, command, seed, options and versions; the last two as dictionaries.

        ``reduced`` is there only where work was cut down to stay within the time allowed.
        """
        held = self._file.facts(self._path())
        parsed = {fact: self._parsed(fact, str(held[fact])) for fact in ("options", "versions") if fact in held}
        return {fact: value.item() if isinstance(value, np.generic) else value for fact, value in held.items()} | parsed

    def _parsed(self, fact: str, text: str) -> dict[str, Any]:
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise StoreDamaged(
                f"{self._file.path}: the fact {fact!r} of {self._path()} is not a JSON object. `python -m precompute "
                f"check {self._file.path}` lists all that is wrong; copy the file again."
            )
        return found

    def facts_of(self, layer: str) -> dict[str, Any]:
        """Return when, by what command and with which versions (JSON text) the findings of one layer were made."""
        held = self._file.facts(self._path()) | self._file.facts(self._path("layers", layer))
        return {fact: str(held[fact]) for fact in ("created", "command", "versions") if fact in held}

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """The layers it was carried out on."""
        return self._file.names(self._path("layers"))

    @cached_property
    def _paths(self) -> dict[str, str]:
        """Every dataset by its present name, with its path in the file."""
        return {current(held): held for held in self._file.datasets(self._path())}

    def _refuse_missing(self, path: str) -> None:
        if path in self._paths:
            return
        group = path.rpartition("/")[0]
        if schema.entry_for(self._path(path)) is None or not any(held.startswith(group) for held in self._paths):
            raise KeyError(path)
        raise StoreDamaged(
            f"{self._file.path}: the experiment {self.name} lacks {path}; another version of Unitscope added it. "
            f"Make it anew by `python -m precompute experiment {self.name} {self._file.path}`."
        )

    def _path(self, *parts: str) -> str:
        return schema.experiment_path(self.name, *parts)
