"""Likeness of a layer's attribution maps to maps of the network with its weights in random order."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.likeness import map_likeness
from precompute.measures.seeds import seed_interval
from precompute.store.reader import Layer, Store

Floats = NDArray[np.floating[Any]]

NAME = "random_weights"
ALIKE = 0.5
"""Rank correlation from which maps count as alike."""
PARTLY = 0.2
"""Rank correlation from which maps count as partly alike."""
_DIGITS = 6


@dataclass(frozen=True)
class Likeness:
    """The likeness of the maps of one method.

    Parameters
    ----------
    value : float
        Mean rank correlation of the absolute values of the maps; NaN where it is not known.
    n_maps : int
        Number of maps that the mean is over.
    low, high : float
        Its 95 % interval over maps; NaN where it is not known.
    """

    value: float
    n_maps: int
    low: float = float("nan")
    high: float = float("nan")

    @property
    def alike(self) -> bool:
        """Whether the maps look alike with random weights; where an interval is known, all of it."""
        return self.value >= ALIKE and not self.low < ALIKE

    @property
    def partly(self) -> bool:
        """Whether the maps look partly alike."""
        return PARTLY <= self.value < ALIKE

    @property
    def verdict(self) -> str:
        """The meaning of the value, in a few words; where the interval does not settle it, the two at its ends."""
        if np.isnan(self.value):
            return "could not be compared"
        if np.isnan(self.low):
            return f"{_look(_degree(self.value))}, not known how surely"
        first, last = _degree(self.high), _degree(self.low)
        if first - last == 2:
            return "not settled whether it looks alike with random weights or changes"
        return _look(first) if first == last else f"{_look(first)} or {_look(last, again=first)}, not settled which"


def _degree(value: float) -> int:
    """Return 2 for alike, 1 for partly alike, 0 for neither."""
    return int(value >= PARTLY) + int(value >= ALIKE)


def _look(degree: int, *, again: int = 0) -> str:
    """Return a verdict; after one of another degree the words that both share are left out."""
    if not degree:
        return "changes with random weights" if not again else "changes"
    how = "alike" if degree == 2 else "partly alike"
    return how if again else f"looks {how} with random weights"


def likeness_of(store: Store, layer: Layer) -> dict[str, Likeness]:
    """Return the likeness of every method that was compared, by name; empty where the store does not hold it."""
    held = store.experiment(NAME) if NAME in store.experiments else None
    base = f"layers/{layer.name}"
    if held is None or f"{base}/likeness" not in held:
        return {}
    columns = (held[f"{base}/{name}"].tolist() for name in ("method", "likeness", "n_maps"))
    of_maps = likeness_of_maps(store, layer)
    return {
        method: _of_maps(value, n_maps, of_maps.get(method, np.array([])))
        for method, value, n_maps in zip(*columns, strict=True)
    }


def _of_maps(value: float, n_maps: int, likeness: Floats) -> Likeness:
    """Return a likeness with its interval; where units are copies, all of it is that of the maps that differ."""
    known = _different(likeness)
    if len(known) < np.count_nonzero(~np.isnan(likeness)):
        value, n_maps = float(known.mean()), len(known)
    _, low, high = seed_interval(known) if len(known) > 1 else (0, np.nan, np.nan)
    return Likeness(value, n_maps, *np.clip([low, high], -1, 1).tolist())


def _different(likeness: Floats) -> Floats:
    """Return the likeness of maps that differ: copies of a unit have the same map, which is one map, not many."""
    return np.unique(np.round(likeness[~np.isnan(likeness)], _DIGITS))


def likeness_of_maps(store: Store, layer: Layer) -> dict[str, Floats]:
    """Return the likeness of each map that was compared, (map,) by method; NaN where it is not defined.

    The maps of all methods are of the same units. Empty where the store does not hold the maps.
    """
    held, base = store.experiment(NAME), f"layers/{layer.name}"
    if f"{base}/map" not in held:
        return {}
    methods, units, maps = (held[f"{base}/{name}"] for name in ("method", "unit", "map"))
    found = {}
    for method, others in zip(methods.tolist(), maps, strict=True):
        stored = np.stack([layer.attribution(method, int(unit)).map[0] for unit in units])
        found[method] = map_likeness(stored.astype(np.float64), others.astype(np.float64))
    return found


def not_told_apart(likeness: Mapping[str, Floats], *, level: float = 0.95) -> list[tuple[str, str]]:
    """Return the pairs of methods whose mean likeness may be the same, as far as these maps tell.

    Parameters
    ----------
    likeness : mapping
        From :func:`likeness_of_maps`.
    level : float
        Share of layers without any difference in which no pair is told apart: each of n pairs is compared by the
        interval of its mean difference over the maps, at 1 - (1 - level) / n.
    """
    pairs = list(combinations([name for name, of_maps in likeness.items() if not np.isnan(of_maps).all()], 2))
    found = []
    for one, other in pairs:
        apart = likeness[one] - likeness[other]
        _, low, high = seed_interval(_different(apart), level=1 - (1 - level) / len(pairs))
        if not (low > 0 or high < 0):
            found.append((one, other))
    return found
