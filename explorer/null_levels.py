"""Levels of a unit's measures by chance: a maximum is large by chance, and noise has an entropy too."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.measure_display import Quantity, quantity_of
from precompute.measures.measure_row import ChanceLevel, MeasureRow
from precompute.measures.table import find, measure_name
from precompute.store.reader import Layer, Store
from precompute.store.schema import entry_for

Floats = NDArray[np.floating[Any]]
_ALL = slice(None)


@dataclass(frozen=True, eq=False)
class NullLevel:
    """The chance level of a measure, for some units of a layer.

    Parameters
    ----------
    level : Quantity
        The level of each of them, in the measure's own unit of measurement.
    words : ChanceLevel
        The texts that describe it.
    ends : pair of Quantity or None
        Lowest and highest value by chance, where both matter.
    """

    level: Quantity
    words: ChanceLevel
    ends: tuple[Quantity, Quantity] | None = None

    def beside(self, place: int) -> str:
        """Return the text next to the value of the unit at a place; empty where it has no level."""
        if np.isnan(self.level.values[place]):
            return ""
        span = "" if self.ends is None else f", {' to '.join(end.words(place) for end in self.ends)}"
        return self.words.phrase.format(self.level.words(place)) + span


def level_words(store: Store, layer: Layer, name: str, unit: int) -> str:
    """Return the text next to one unit's value of a measure; empty where none is needed or known."""
    row, found = find(name), null_level_of(store, layer, name, slice(unit, unit + 1))
    if found is None:
        return "" if row is None or row.chance is None else row.chance.unknown
    return found.beside(0)


def null_level_of(store: Store, layer: Layer, name: str, units: slice = _ALL) -> NullLevel | None:
    """Return the chance level of a measure; None where none is needed, or it is not known."""
    row = find(name)
    if name not in layer.measures or row is None or row.chance is None:
        return None
    level, ends = _level(store, layer, row, units), []
    if level is None:
        return None
    if row.chance.has_ends:
        ends = [_of_experiment(store, layer, row.chance, row.name, units, f"_{end}") for end in ("low", "high")]
    measured = layer.measures[name]
    told = [quantity_of(replace(measured, values=end)) for end in ends if end is not None]
    return NullLevel(
        quantity_of(replace(measured, values=level)), row.chance, (told[0], told[1]) if len(told) == 2 else None
    )


def _level(store: Store, layer: Layer, row: MeasureRow, units: slice) -> Floats | None:
    level = row.chance
    if level is None or not level.measure:
        return None if level is None else _of_experiment(store, layer, level, row.name, units)
    held = layer.measures.get(measure_name(level.measure, row.ablation))
    return None if held is None else held.values[units]


def _of_experiment(
    store: Store, layer: Layer, level: ChanceLevel, name: str, units: slice, end: str = ""
) -> Floats | None:
    """Read the level of a measure, (unit,), or an end of its range, from an experiment."""
    held = store.experiment(level.experiment) if level.experiment in store.experiments else None
    path = f"layers/{layer.name}/{level.dataset}{end}"
    entry = entry_for(f"/experiments/{level.experiment}/{path}")
    if held is None or entry is None or path not in held:
        return None
    at: dict[str, slice | int] = {"unit": units}
    if "measure" in entry.axes:
        listed = held[f"{path.rpartition('/')[0]}/measure"].tolist()
        if name not in listed:
            return None
        at["measure"] = listed.index(name)
    values = held.read(path, tuple(at.get(axis, _ALL) for axis in entry.axes))
    kept = [axis for axis in entry.axes if axis != "measure"]
    return _over_others(np.moveaxis(values, kept.index("unit"), 0), level.over)


def _over_others(values: Floats, over: str) -> Floats:
    """Return the maximum or the mean over all axes but the first; a mean leaves out what is NaN for all units."""
    if values.ndim == 1:
        return values
    flat = values.reshape(len(values), -1)
    return np.asarray(flat.max(axis=1) if over == "max" else flat[:, ~np.isnan(flat).all(axis=0)].mean(axis=1))
