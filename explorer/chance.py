"""What chance alone makes of a measure of a unit: a maximum is large by chance, and noise has an entropy too."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.concepts import DISSECTION
from explorer.shown import Quantity, quantity
from precompute.store.reader import Experiment, Layer, Store

Floats = NDArray[np.floating[Any]]
_ALL = slice(None)


@dataclass(frozen=True)
class Words:
    """How a level of chance is spoken of.

    Parameters
    ----------
    name : str
        What it is, beside the name of the measure.
    phrase : str
        The same beside one unit's value, with a place for the level.
    reason : str
        Why a reader needs it.
    """

    name: str
    phrase: str
    reason: str


@dataclass(frozen=True, eq=False)
class Chance:
    """What chance makes of a measure of some units of a layer.

    Parameters
    ----------
    level : Quantity
        The level of each of them, in the measure's own unit of measurement.
    words : Words
        How it is spoken of.
    ends : pair of Quantity or None
        Lowest and highest that chance made of it, where both matter.
    """

    level: Quantity
    words: Words
    ends: tuple[Quantity, Quantity] | None = None

    def beside(self, place: int) -> str:
        """Return what stands beside the value of the unit at a place; nothing where it has no level."""
        if np.isnan(self.level.values[place]):
            return ""
        span = "" if self.ends is None else f", {' to '.join(end.words(place) for end in self.ends)}"
        return self.words.phrase.format(self.level.words(place)) + span


def beside(store: Store, layer: Layer, name: str, unit: int) -> str:
    """Return what stands beside one unit's value of a measure; nothing where there is no need, or no store says it."""
    found = chance_of(store, layer, name, slice(unit, unit + 1))
    if found is None:
        return "by chance not known" if name == "class_correlation" else ""
    return found.beside(0)


def chance_of(store: Store, layer: Layer, name: str, units: slice = _ALL) -> Chance | None:
    """Return what chance makes of a measure; None where that needs no saying, or is not known."""
    if name not in layer.measures:
        return None
    for words, levels in _SOURCES:
        found = levels(store, layer, name, units)
        if found is not None:
            measured = layer.measures[name]
            ends = _range(store, layer, units) if levels is _by_shuffled_maps else None
            told = [quantity(replace(measured, values=end)) for end in ends or ()]
            return Chance(quantity(replace(measured, values=found)), words, (told[0], told[1]) if told else None)
    return None


def _by_coins(_: Store, layer: Layer, name: str, units: slice) -> Floats | None:
    largest = "max_class_drop"
    ceiling = layer.measures.get(name.replace(largest, f"{largest}_ceiling"))
    return ceiling.values[units] if name.removesuffix("_mean") == largest and ceiling is not None else None


def _by_shuffled_labels(store: Store, layer: Layer, name: str, units: slice) -> Floats | None:
    path = f"layers/{layer.name}/chance"
    held = _held(store, "selectivity", f"{path}/ceiling")
    names = [] if held is None else held[f"{path}/measure"].tolist()
    return None if held is None or name not in names else held.read(f"{path}/ceiling", (units, names.index(name)))


def _by_shuffled_masks(store: Store, layer: Layer, name: str, units: slice) -> Floats | None:
    path = f"layers/{layer.name}/chance"
    held = _held(store, DISSECTION, path) if name == "concept_iou" else None
    return None if held is None else np.asarray(held.read(path, np.s_[:, units]).max(axis=0))


def _by_shuffled_maps(store: Store, layer: Layer, name: str, units: slice) -> Floats | None:
    path = f"layers/{layer.name}/shuffled_mean"
    held = _held(store, "entropy", path) if name == "feature_entropy" else None
    if held is None:
        return None
    of_class = held.read(path, units)
    # Classes without images have no entropy, of any unit.
    return np.asarray(of_class[:, ~np.isnan(of_class).all(axis=0)].mean(axis=1))


def _range(store: Store, layer: Layer, units: slice) -> tuple[Floats, Floats] | None:
    path = f"layers/{layer.name}/shuffled_mean"
    held = _held(store, "entropy", f"{path}_high")
    return None if held is None else (held.read(f"{path}_low", units), held.read(f"{path}_high", units))


def _by_shuffled_images(store: Store, layer: Layer, name: str, units: slice) -> Floats | None:
    path = f"layers/{layer.name}/shuffled_highest"
    held = _held(store, "responses", path) if name == "class_correlation" else None
    return None if held is None else np.asarray(held.read(path, units))


def _held(store: Store, experiment: str, path: str) -> Experiment | None:
    held = store.experiment(experiment) if experiment in store.experiments else None
    return held if held is not None and path in held else None


def _ceiling(reason: str) -> Words:
    return Words("by chance, 95 %", "by chance up to {} (95 %)", reason)


_SOURCES: tuple[tuple[Words, Callable[[Store, Layer, str, slice], Floats | None]], ...] = (
    (_ceiling("The largest of many drops is large by chance alone."), _by_coins),
    (_ceiling("By chance alone every unit prefers some class."), _by_shuffled_labels),
    (_ceiling("The largest of many overlaps is large by chance alone."), _by_shuffled_masks),
    (
        Words(
            "by chance, 95 %", "by chance up to {} (95 %)", "The largest of many correlations is large by chance alone."
        ),
        _by_shuffled_images,
    ),
    (
        Words("own maps shuffled, mean", "own maps shuffled: {} on average", "Noise has an entropy too."),
        _by_shuffled_maps,
    ),
)
