"""The concepts of a store, and how well each unit coincides with them."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.measures.iou import Detectors, detectors
from precompute.store.reader import Experiment, Layer, Store

Floats = NDArray[np.floating[Any]]

DISSECTION = "dissection"
FLOOR = 0.04
"""A unit with an intersection over union above this is called a detector."""

_QUANTILE = 0.005
_OWN_BIT = 7


def concept_names(experiment: Experiment) -> list[str]:
    """Return the concepts' names, with the category wherever a name is used in several."""
    names, categories = (experiment[part].tolist() for part in ("concept", "category"))
    used = Counter(names)
    return [f"{name} ({of})" if used[name] > 1 else name for name, of in zip(names, categories, strict=True)]


def names_of_store(store: Store) -> list[str]:
    """Return the names of the concepts that a store's measures may point to; none where it was not dissected."""
    return concept_names(store.experiment(DISSECTION)) if DISSECTION in store.experiments else []


@dataclass(frozen=True, eq=False)
class Dissection:
    """The overlap of a layer's units with concepts.

    Parameters
    ----------
    names, categories : list of str
        Name and category of each concept.
    iou : (unit, concept) array
        Intersection over union; NaN where undefined.
    chance : (shuffle, unit) array
        The largest intersection over union by chance.
    threshold : (unit,) array
        Activation above which the unit counts as active.
    rotated_iou, rotated_concept : (rotation, unit) array
        The largest intersection over union of each direction of random rotations of the layer, and its concept.
    share : (concept,) array
        Share of all positions that show the concept.
    quantile : float
        The largest share of all positions at which a unit counts as active.
    """

    names: list[str]
    categories: list[str]
    iou: Floats
    chance: Floats
    threshold: Floats
    rotated_iou: Floats
    rotated_concept: Floats
    share: Floats
    quantile: float

    @classmethod
    def of(cls, experiment: Experiment, layer: str) -> "Dissection":
        """Read the overlaps of a layer."""
        base = f"layers/{layer}"
        return cls(
            names=concept_names(experiment),
            categories=experiment["category"].tolist(),
            iou=experiment[f"{base}/iou"],
            chance=experiment[f"{base}/chance"],
            threshold=experiment[f"{base}/threshold"],
            rotated_iou=experiment[f"{base}/rotated_iou"],
            rotated_concept=experiment[f"{base}/rotated_concept"],
            share=experiment["share"],
            quantile=float(experiment.facts.get("options", {}).get("quantile", _QUANTILE)),
        )

    @cached_property
    def found(self) -> Detectors:
        """The best concept of every unit."""
        return detectors(self.iou, floor=FLOOR)

    @property
    def ceiling(self) -> Floats:
        """The largest intersection over union by chance in all shuffles, (unit,)."""
        return np.asarray(self.chance.max(axis=0))

    @property
    def in_reach(self) -> NDArray[np.bool_]:
        """Which concepts a unit could detect at all, (concept,).

        The intersection over union of two areas is at most the smaller area divided by the larger. So a unit that is
        active at few positions cannot detect a concept that covers half of all positions.
        """
        return np.asarray((self.share >= FLOOR * self.quantile) & (self.share <= self.quantile / FLOOR))

    def of_rotations(self) -> tuple[float, float]:
        """Return the mean number of directions of a random rotation that are detectors, and of concepts they detect."""
        detects = self.rotated_iou > FLOOR
        return float(detects.sum(axis=1).mean()), float(np.mean(self.unique_of_rotations()))

    def unique_of_rotations(self) -> Floats:
        """Return how many concepts the directions of each random rotation detect, (rotation,)."""
        detects = self.rotated_iou > FLOOR
        unique = [len(np.unique(which[yes])) for which, yes in zip(self.rotated_concept, detects, strict=True)]
        return np.array(unique, dtype=np.float64)

    def best(self, unit: int) -> str:
        """Return the name of a unit's best concept; a dash where it has none."""
        concept = self.found.concept[unit]
        return "–" if np.isnan(concept) else self.names[int(concept)]

    def second(self, unit: int) -> str:
        """Return the name of a unit's second best concept; a dash where it overlaps with one only."""
        ranked = np.argsort(-np.nan_to_num(self.iou[unit]), kind="stable")
        return self.names[ranked[1]] if len(ranked) > 1 and self.iou[unit, ranked[1]] > 0 else "–"


@dataclass(frozen=True, eq=False)
class UnitConcepts:
    """A unit's best concepts, best first, with chance levels and small masks on its top exemplars.

    Parameters
    ----------
    names, categories : list of str
        Name and category of each of its best concepts.
    iou : (rank,) array
        Their intersection over union.
    chance, ceiling : float
        Mean and maximum, over shuffles, of the largest intersection over union by chance.
    threshold : float
        Activation above which the unit counts as active.
    masks : (exemplar, row, column) array of bits, or None
        Bit r is the concept of rank r, bit 7 the unit above its threshold.
    """

    names: list[str]
    categories: list[str]
    iou: Floats
    chance: float
    ceiling: float
    threshold: float
    masks: NDArray[Any] | None

    def of_concept(self, rank: int) -> NDArray[np.bool_] | None:
        """Where the concept of a rank is on the exemplars."""
        return None if self.masks is None else np.asarray((self.masks >> rank & 1) == 1)

    @property
    def of_unit(self) -> NDArray[np.bool_] | None:
        """Where the unit is above its threshold on the exemplars."""
        return self.of_concept(_OWN_BIT)


def unit_concepts(store: Store, layer: Layer, unit: int, *, most: int = 3) -> UnitConcepts | None:
    """Return a unit's best concepts; None where the store's layer was not dissected."""
    if DISSECTION not in store.experiments or layer.name not in store.experiment(DISSECTION).layers:
        return None
    held, base = store.experiment(DISSECTION), f"layers/{layer.name}"
    iou = held.read(f"{base}/iou", unit)
    ranked = np.argsort(-np.nan_to_num(iou, nan=-1.0), kind="stable")[:most]
    ranked = ranked[iou[ranked] > 0]
    chance = held.read(f"{base}/chance", np.s_[:, unit])
    names, categories = concept_names(held), held["category"]
    return UnitConcepts(
        names=[names[concept] for concept in ranked],
        categories=[str(categories[concept]) for concept in ranked],
        iou=iou[ranked],
        chance=float(chance.mean()),
        ceiling=float(chance.max()),
        threshold=float(held.read(f"{base}/threshold", unit)),
        masks=held.read(f"{base}/shown_mask", unit) if f"{base}/shown_mask" in held else None,
    )
