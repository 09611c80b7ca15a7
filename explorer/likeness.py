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


@dataclass(frozen=True)
class Likeness:
    """The likeness of the maps of one method.

    Parameters
    ----------
    value : float
        Mean rank correlation of the absolute values of the maps; NaN where it is not known.
    n_maps : int
        Number of maps that the mean is over.
    """

    value: float
    n_maps: int

    @property
    def alike(self) -> bool:
        """Whether the maps look alike with random weights."""
        return self.value >= ALIKE

    @property
    def partly(self) -> bool:
        """Whether the maps look partly alike."""
        return PARTLY <= self.value < ALIKE

    @property
    def verdict(self) -> str:
        """The meaning of the value, in a few words."""
        if np.isnan(self.value):
            return "could not be compared"
        if self.alike:
            return "looks alike with random weights"
        return "looks partly alike with random weights" if self.partly else "changes with random weights"


def likeness_of(store: Store, layer: Layer) -> dict[str, Likeness]:
    """Return the likeness of every method that was compared, by name; empty where the store does not hold it."""
    held = store.experiment(NAME) if NAME in store.experiments else None
    base = f"layers/{layer.name}"
    if held is None or f"{base}/likeness" not in held:
        return {}
    columns = (held[f"{base}/{name}"].tolist() for name in ("method", "likeness", "n_maps"))
    return {method: Likeness(value, n_maps) for method, value, n_maps in zip(*columns, strict=True)}


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
    pairs = list(combinations(likeness, 2))
    found = []
    for one, other in pairs:
        apart = likeness[one] - likeness[other]
        _, low, high = seed_interval(apart[~np.isnan(apart)], level=1 - (1 - level) / len(pairs))
        if not (low > 0 or high < 0):
            found.append((one, other))
    return found
