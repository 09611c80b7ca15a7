"""Maps of a layer's units: units that answer alike, or whose loss hurts the same classes, lie close together."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.principal_components import principal_plane, share_by_chance
from precompute.measures.profiles import standardised
from precompute.store.reader import Layer

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class UnitMap:
    """Places of the units, (unit, 2), NaN for units without a place, and the share of variation that they show.

    ``by_chance`` is what the share would be if each unit's numbers were shuffled over the classes.
    """

    places: Floats
    share: float
    by_chance: float = float("nan")

    @property
    def is_empty(self) -> bool:
        """Whether no unit has a place, or all units have the same place."""
        return bool(np.isnan(self.share))


def map_by_answers(layer: Layer) -> UnitMap:
    """Place units by their mean activations on the classes, standardised over the classes for each unit.

    Before the projection to a plane, the squared distance of two units is proportional to 1 minus the correlation of
    their means. Units whose means are all equal have no place. Classes without images do not count.
    """
    means = np.asarray(layer.class_mean, dtype=np.float64)
    means = means[:, ~np.isnan(means).all(axis=0)]
    return _drawn(standardised(means))


def map_by_losses(layer: Layer, ablation: str) -> UnitMap:
    """Place units by the drop of every class without them; units without which no accuracy changes have no place."""
    drop = np.asarray(layer.ablation(ablation).drop, dtype=np.float64)
    drop = drop[:, ~np.isnan(drop).all(axis=0)]
    return _drawn(np.where((drop != 0).any(axis=1, keepdims=True), drop, np.nan))


def _drawn(rows: Floats) -> UnitMap:
    places = np.full((len(rows), 2), np.nan)
    known = np.isfinite(rows).all(axis=1)
    places[known], share = principal_plane(rows[known])
    return UnitMap(places, share, share_by_chance(rows[known]))
