"""Where a figure comes from, in words that stay with it when it leaves the app."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from precompute import __version__
from precompute.store.reader import Store

_SHORT_HASH, _DAY = 12, 10
_LONGEST_SLUG, _LONGEST_NAME = 60, 180


@dataclass(frozen=True, eq=False)
class Origin:
    """The stores that a figure shows, and the place in them.

    Parameters
    ----------
    stores : tuple of (str, Store)
        The stores, each with the name that the app gives it.
    place : tuple of str
        The place in them, from wide to narrow, such as ``features.10``, ``unit 3``.
    """

    stores: tuple[tuple[str, Store], ...]
    place: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """A paragraph with the place, the stores, their networks, their dates, and the program's version."""
        where = f"{', '.join(filter(None, self.place))}. " if self.place else ""
        return f"{where}{' '.join(_words(name, store) for name, store in self.stores)} Unitscope {__version__}."

    def slug(self, figure: str) -> str:
        """Return the beginning of a file's name for a figure, with letters, digits, dots and hyphens only."""
        parts = [self.stores[0][0], *self.place, figure]
        return "-".join(filter(None, (_slug(part) for part in parts)))[:_LONGEST_NAME].strip("-.") or "figure"


def _words(name: str, store: Store) -> str:
    network = store.model.spec.replace("\\", "/").rpartition("/")[2]
    written = f"Store {name}, fingerprint {store.fingerprint}, written {store.created[:_DAY]}"
    return f"{written}; network {network}, weights {_weights(store)}."


def _weights(store: Store) -> str:
    known = store.provenance.get("weights")
    digest = known.get("sha256") if isinstance(known, Mapping) else None
    name = store.model.weights.replace("\\", "/").rpartition("/")[2]
    return f"{name} (SHA-256 {str(digest)[:_SHORT_HASH]}…)" if digest else name


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text)[:_LONGEST_SLUG].strip("-.")
