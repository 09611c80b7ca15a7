"""Likeness of a layer's attribution maps to maps of the network with its weights in random order."""

from dataclasses import dataclass

import numpy as np

from precompute.store.reader import Layer, Store

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
