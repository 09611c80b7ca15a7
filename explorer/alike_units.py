"""Units that answer to the same classes as one unit, and those whose loss hurts the same classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.profiles import ProfileLikeness, profile_likeness
from precompute.measures.table import measure_name
from precompute.store.reader import Layer

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class AlikeUnits:
    """How alike one unit is to every other unit of its layer, in two ways.

    Parameters
    ----------
    answers, losses : ProfileLikeness
        Likeness of the mean activations on the classes, and likeness of the drops of the classes.
    most : (unit,) array
        The largest correlation of drops that their noise allows: the square root of the product of both reliabilities,
        at most 1. NaN where the store does not hold them, or one is not above zero.
    """

    answers: ProfileLikeness
    losses: ProfileLikeness
    most: Floats

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """Which units are alike in both ways beyond chance, (unit,)."""
        return np.asarray(self.answers.beyond & self.losses.beyond)

    @property
    def both(self) -> Ints:
        """Units that are alike in both ways beyond chance, the most alike in their answers first."""
        return self._in_order(self.beyond, self.answers.r)

    @property
    def in_answers_alone(self) -> Ints:
        """Units that answer alike beyond chance, and whose losses are not alike beyond chance; the furthest first."""
        return self._in_order(self.answers.beyond & ~self.losses.beyond, self.answers.r - _known(self.losses.r))

    @property
    def in_losses_alone(self) -> Ints:
        """Units whose loss hurts the same classes beyond chance, and that do not answer alike beyond chance."""
        return self._in_order(self.losses.beyond & ~self.answers.beyond, self.losses.r - _known(self.answers.r))

    @staticmethod
    def _in_order(kept: NDArray[np.bool_], by: Floats) -> Ints:
        units = np.flatnonzero(kept)
        return units[np.argsort(-by[units], kind="stable")]


def alike_units(layer: Layer, unit: int, ablation: str | None) -> AlikeUnits:
    """Compare one unit with all others of its layer, under a kind of ablation; None where nothing was ablated."""
    nothing = np.full(layer.n_units, np.nan)
    answers = profile_likeness(layer.class_mean, unit)
    if ablation is None:
        return AlikeUnits(answers, ProfileLikeness(nothing, float("nan")), nothing)
    held = layer.measures.get(measure_name("drop_reliability", ablation))
    reliability = nothing if held is None else np.where(held.values > 0, held.values, np.nan).astype(np.float64)
    most = np.minimum(np.sqrt(reliability * reliability[unit]), 1)
    return AlikeUnits(answers, profile_likeness(layer.ablation(ablation).drop, unit), most)


def _known(r: Floats) -> Floats:
    """Count units that cannot be alike, because no class loses anything without them, as unlike."""
    return np.where(np.isnan(r), 0, r)
