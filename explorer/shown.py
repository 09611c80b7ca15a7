"""How a measure is shown: drops in percentage points, classes by their titles, everything else as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.concepts import names_of_store
from explorer.selection import is_defined
from explorer.text import significant
from precompute.measures.table import MEASURES, is_class_valued, is_index_valued
from precompute.store.reader import Layer, Measure, Store

Floats = NDArray[np.floating[Any]]

_FIRST_ACROSS = ("class_selectivity", "l1_norm")
_FIRST_UP = ("max_class_drop", "max_class_drop_mean", "l1_norm")


@dataclass(frozen=True, eq=False)
class Quantity:
    """A measure ready for an axis or a column: its label with the unit of measurement, its values (unit,)."""

    name: str
    label: str
    values: Floats
    formula: str
    suffix: str = ""

    def words(self, unit: int) -> str:
        """Return one unit's value for readers."""
        return significant(float(self.values[unit]), 2) + self.suffix


def quantity(measure: Measure) -> Quantity:
    """Return a measure that is a quantity; drops, stored as fractions, in points."""
    if "drop" in measure.name:
        return Quantity(measure.name, f"{measure.label}, points", 100 * measure.values, measure.formula, " pt")
    return Quantity(measure.name, measure.label, measure.values, measure.formula)


def class_titles(measure: Measure, titles: Sequence[str]) -> list[str]:
    """Return the class titles of a class-valued measure; a dash where it has none."""
    return ["–" if np.isnan(value) else titles[int(value)] for value in measure.values]


def unit_frame(layer: Layer, store: Store) -> pd.DataFrame:
    """Put all measures of a layer side by side, a row a unit, with fixed column names: those of the store.

    Measures that are indices are shown by the titles of their classes or the names of their concepts.
    """
    columns: dict[str, Any] = {"unit": np.arange(layer.n_units)}
    for name in sorted(layer.measures, key=_reading_order):
        measure = layer.measures[name]
        if not is_defined(measure):
            continue
        if is_index_valued(name):
            titles = store.classes.title if is_class_valued(name) else names_of_store(store)
            columns[name] = class_titles(measure, titles)
        else:
            columns[name] = quantity(measure).values
    return pd.DataFrame(columns)


def first_axes(axes: Sequence[str]) -> tuple[str, str]:
    """Return the measures to begin with, across and up, of those that a layer has; at least one."""
    up = next((name for name in _FIRST_UP if name in axes), axes[-1])
    across = next((name for name in _FIRST_ACROSS if name in axes and name != up), axes[0])
    return across, up


def first_order(layer: Layer) -> str | None:
    """Return the drop that orders units by how much one class misses them; None where the store has none."""
    return next((name for name in _FIRST_UP[:2] if name in layer.measures), None)


def _reading_order(name: str) -> tuple[int, str]:
    order = [row.name for row in MEASURES]
    return (order.index(name) if name in order else len(order)), name


def dead_units(layer: Layer) -> NDArray[np.bool_]:
    """Tell which units are marked dead, (unit,); none where the store does not say."""
    measure = layer.measures.get("dead")
    return np.zeros(layer.n_units, bool) if measure is None else np.asarray(measure.values == 1)


def order_by(layer: Layer, name: str | None) -> NDArray[np.integer[Any]]:
    """Return the units in the order of a measure, the highest first, undefined ones last; by number for ``unit``."""
    if name is None or name not in layer.measures:
        return np.arange(layer.n_units)
    values = layer.measures[name].values.astype(np.float64)
    return np.lexsort((np.arange(layer.n_units), np.where(np.isnan(values), np.inf, -values)))
