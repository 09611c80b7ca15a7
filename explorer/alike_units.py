"""Units that answer to the same classes as one unit, and those whose loss hurts the same classes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.paired import paired_counts
from precompute.measures.profiles import ProfileLikeness, profile_likeness
from precompute.measures.profiles_by_chance import drops_by_chance, means_by_chance, noise_by_chance
from precompute.measures.table import measure_name
from precompute.store.answers import answers
from precompute.store.reader import Layer, Store

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


@dataclass(frozen=True, eq=False)
class ByChance:
    """Profiles of one unit that chance alone gives.

    Parameters
    ----------
    answers, losses : (draw, class) array or None
        Its mean activations if it did not know the classes, and its drops if it were an average unit. None where
        nothing was ablated.
    """

    answers: Floats | None
    losses: Floats | None


def by_chance(store: Store, layer: Layer, unit: int, ablation: str | None) -> ByChance:
    """Draw the profiles that chance gives a unit; a store of sums knows no single images, only the sizes of classes."""
    label, n_classes = np.asarray(store.images.label), len(store.classes)
    if layer.keeps_all:
        of_answers = means_by_chance(layer.activation(unit).mean, label, n_classes)
    else:
        of_answers = noise_by_chance(np.bincount(label, minlength=n_classes))
    if ablation is None:
        return ByChance(of_answers, None)
    return ByChance(of_answers, drops_by_chance(paired_counts(layer.flip_table(ablation), answers(store)), unit))


def alike_units(layer: Layer, unit: int, ablation: str | None, chance: ByChance) -> AlikeUnits:
    """Compare one unit with all others of its layer, under a kind of ablation; None where nothing was ablated."""
    nothing = np.full(layer.n_units, np.nan)
    of_answers = profile_likeness(layer.class_mean, unit, by_chance=chance.answers)
    if ablation is None:
        return AlikeUnits(of_answers, ProfileLikeness(nothing, float("nan")), nothing)
    held = layer.measures.get(measure_name("drop_reliability", ablation))
    reliability = nothing if held is None else np.where(held.values > 0, held.values, np.nan).astype(np.float64)
    most = np.minimum(np.sqrt(reliability * reliability[unit]), 1)
    of_losses = profile_likeness(layer.ablation(ablation).drop, unit, by_chance=chance.losses)
    return AlikeUnits(of_answers, of_losses, most)


def _known(r: Floats) -> Floats:
    """Count units that cannot be alike, because no class loses anything without them, as unlike."""
    return np.where(np.isnan(r), 0, r)
