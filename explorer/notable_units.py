"""Units of a layer that are worth a look, each for a different reason."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.drop_test import CALLED
from explorer.drop_verdicts import LayerVerdicts
from explorer.format import count, significant
from explorer.measure_display import dead_units, quantity_of
from explorer.null_levels import null_level_of
from precompute.measures.false_discovery import false_discovery
from precompute.measures.table import measure_name
from precompute.store.reader import Layer, Store

Floats = NDArray[np.floating[Any]]
_MOST_TRIED = 40


@dataclass(frozen=True)
class NotableUnit:
    """A unit, the reason why it is worth a look, and the number behind the reason; several have commas between them."""

    unit: int
    reason: str
    value: str


def notable_units(store: Store, layer: Layer, ablation: str, found: LayerVerdicts, n: int) -> list[NotableUnit]:
    """Choose at most ``n`` units: one for each reason, then further losses, then further selective units.

    A unit that is chosen for several reasons is listed once, with all of them.
    """
    chosen = _each_once([pick for pick in _reasons(store, layer, ablation, found) if pick is not None])
    taken = {pick.unit for pick in chosen}
    for pick in chain(_further(layer, ablation, found), _selective(store, layer, "selective")):
        if len(chosen) >= n:
            break
        if pick.unit not in taken:
            chosen.append(pick)
            taken.add(pick.unit)
    return chosen[:n]


def _each_once(picks: Sequence[NotableUnit]) -> list[NotableUnit]:
    """Join the picks of the same unit into one, in the order of the first."""
    together: dict[int, list[NotableUnit]] = {}
    for pick in picks:
        together.setdefault(pick.unit, []).append(pick)
    return [
        NotableUnit(unit, ", ".join(pick.reason for pick in same), ", ".join(pick.value for pick in same if pick.value))
        for unit, same in together.items()
    ]


def _reasons(store: Store, layer: Layer, ablation: str, found: LayerVerdicts) -> Iterator[NotableUnit | None]:
    yield next(_losses(layer, ablation, found, "surest loss"), None)
    yield next(_selective(store, layer, "most selective"), None)
    yield _most_general(layer, ablation, found)
    yield _dead(layer)
    yield _most_redundant(layer)


def _losses(layer: Layer, ablation: str, found: LayerVerdicts, reason: str) -> Iterator[NotableUnit]:
    """Yield units that some class needs beyond chance, the surest first, with the drop where it is a single number."""
    quoted = layer.measures.get(measure_name("quoted_drop", ablation))
    for unit in found.by_certainty():
        value = quantity_of(quoted).words(unit) if quoted is not None and not np.isnan(quoted.values[unit]) else ""
        yield NotableUnit(unit, reason, value)


def _further(layer: Layer, ablation: str, found: LayerVerdicts) -> Iterator[NotableUnit]:
    """Yield further sure losses; where nothing was tested, the largest drops, marked as such."""
    if found.q is not None:
        yield from _losses(layer, ablation, found, "sure loss")
        return
    largest = layer.measures.get(measure_name("max_class_drop", ablation))
    if largest is None:
        return
    for unit in np.argsort(-np.nan_to_num(largest.values, nan=-1), kind="stable").tolist():
        if largest.values[unit] > 0:
            yield NotableUnit(unit, "large drop", quantity_of(largest).words(unit))


def _selective(store: Store, layer: Layer, reason: str) -> Iterator[NotableUnit]:
    """Yield the most selective units, among those that fire on at least as many images as a class has on average.

    A unit that fires on a single image is fully selective for its class, whatever it responds to. The most selective
    of many units is selective by chance too, so where labels were shuffled, only units beyond chance count.
    """
    measure = layer.measures.get("class_selectivity")
    if measure is None:
        return
    fewest = len(store.images) / max(1, len(np.unique(np.asarray(store.images.label))))
    tested = layer.measures.get("class_selectivity_p")
    counts = ~np.isnan(measure.values) if tested is None else false_discovery(tested.values) <= CALLED
    order = np.argsort(-np.nan_to_num(measure.values, nan=-1), kind="stable")
    for unit in order[:_MOST_TRIED].tolist():
        if counts[unit] and layer.n_active(unit) >= fewest:
            chance = null_level_of(store, layer, measure.name, slice(unit, unit + 1))
            beside = "" if chance is None else f" ({chance.level.words(0)})"
            yield NotableUnit(unit, reason, significant(float(measure.values[unit]), 2) + beside)


def _most_general(layer: Layer, ablation: str, found: LayerVerdicts) -> NotableUnit | None:
    """Return the unit without which most classes lose, among units without which all together lose beyond chance."""
    if ablation not in layer.ablations:
        return None
    drop = layer.ablation(ablation).drop
    known = ~np.isnan(drop).all(axis=0)
    n_losing = (drop[:, known] > 0).sum(axis=1)
    general = [unit for unit in range(layer.n_units) if found.is_general(unit)]
    if not general:
        return None
    unit = max(general, key=lambda each: (n_losing[each], -each))
    return NotableUnit(unit, "most general", f"{n_losing[unit]} of {count(int(known.sum()), 'class', 'classes')}")


def _dead(layer: Layer) -> NotableUnit | None:
    dead = np.flatnonzero(dead_units(layer))
    return NotableUnit(int(dead[0]), "dead", f"1 of {len(dead)}") if len(dead) else None


def _most_redundant(layer: Layer) -> NotableUnit | None:
    measure = layer.measures.get("redundancy")
    if measure is None or not (measure.values > 0).any():
        return None
    unit = int(np.nanargmax(measure.values))
    return NotableUnit(unit, "most redundant", f"like {count(int(measure.values[unit]), 'other')}")
