"""Measures on the screen: drops in percentage points, classes by their titles, everything else as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explorer.concept_scores import names_of_store
from explorer.format import number, significant
from explorer.measure_choices import in_order, is_defined
from precompute import ablation_kinds
from precompute.measures.table import in_points, measure_name
from precompute.store.reader import Layer, Measure, Store

Floats = NDArray[np.floating[Any]]

_LEAST_POINTS = 0.05
_FIRST_ACROSS = ("class_selectivity", "l1_norm")
_FIRST_ORDER = ("quoted_drop_low", "max_class_drop")


@dataclass(frozen=True, eq=False)
class Quantity:
    """A measure ready for an axis or a column: its label with the unit of measurement, its values (unit,)."""

    name: str
    label: str
    values: Floats
    formula: str
    suffix: str = ""

    def words(self, unit: int) -> str:
        """Return one unit's value as text."""
        value = float(self.values[unit])
        if np.isnan(value):
            return "–"
        if not self.suffix:
            return significant(value, 2)
        # As on the page of a unit, a drop that is not zero does not read as zero.
        size = number(value, 1).removesuffix(".0") if value == 0 or abs(value) >= _LEAST_POINTS else "≈ 0"
        return size + self.suffix


def quantity_of(measure: Measure) -> Quantity:
    """Return a measure that is a quantity; drops, stored as fractions, in points."""
    if in_points(measure.name):
        return Quantity(measure.name, f"{measure.label}, points", 100 * measure.values, measure.formula, " pt")
    return Quantity(measure.name, measure.label, measure.values, measure.formula)


def option_label(measure: Measure) -> str:
    """Return a measure's name in a list to choose from, with the experiment that added it."""
    return f"{measure.label} · {measure.experiment}" if measure.experiment else measure.label


def _of_each_kind(*names: str) -> list[str]:
    """Return the names of measures of every kind of ablation, the usual kind first."""
    return [measure_name(name, kind) for kind in ablation_kinds.names() for name in names]


def index_titles(measure: Measure, store: Store) -> list[str]:
    """Return the classes, or the concepts, that an index-valued measure names; a dash where it names none."""
    titles = store.classes.title if measure.kind == "class" else names_of_store(store)
    return [_title(titles, value) for value in measure.values]


def index_title(measure: Measure, store: Store, unit: int) -> str:
    """Return the class or concept that an index-valued measure names for one unit; a dash where it names none."""
    titles = store.classes.title if measure.kind == "class" else names_of_store(store)
    return _title(titles, measure.values[unit])


def _title(titles: Sequence[str], value: float) -> str:
    return "–" if np.isnan(value) else str(titles[int(value)])


def unit_frame(layer: Layer, store: Store) -> pd.DataFrame:
    """Return all measures of a layer, one row a unit, with the store's names of measures as columns."""
    columns: dict[str, Any] = {"unit": np.arange(layer.n_units)}
    for measure in in_order(layer):
        is_index = measure.is_index
        columns[measure.name] = index_titles(measure, store) if is_index else quantity_of(measure).values
    return pd.DataFrame(columns)


def default_axes(axes: Sequence[str]) -> tuple[str, str]:
    """Return the initial measures across and up, among the given axes, of which there must be at least one."""
    up = next((name for name in (*_of_each_kind("max_class_drop"), "l1_norm") if name in axes), axes[-1])
    across = next((name for name in _FIRST_ACROSS if name in axes and name != up), axes[0])
    return across, up


def default_order(layer: Layer) -> str | None:
    """Return the drop by which units are ordered at first; None where no unit has a value."""
    held = layer.measures
    return next((name for name in _of_each_kind(*_FIRST_ORDER) if name in held and is_defined(held[name])), None)


def dead_units(layer: Layer) -> NDArray[np.bool_]:
    """Say which units are marked dead, (unit,); none where the store does not say it."""
    measure = layer.measures.get("dead")
    return np.zeros(layer.n_units, bool) if measure is None else np.asarray(measure.values == 1)


def is_dead(layer: Layer, unit: int) -> bool:
    """Say whether a unit is zero everywhere on every image."""
    if not layer.keeps_all:
        return bool(dead_units(layer)[unit])
    activation = layer.activation(unit)
    return not activation.max.any() and not activation.mean.any()


def order_by(layer: Layer, name: str | None) -> NDArray[np.integer[Any]]:
    """Return the units in the order of a measure, undefined ones last; by number for ``unit``.

    The highest come first, or the lowest where lower is better, as with p-values.
    """
    if name is None or name not in layer.measures:
        return np.arange(layer.n_units)
    sign = 1 if lowest_first(layer, name) else -1
    values = sign * layer.measures[name].values.astype(np.float64)
    return np.lexsort((np.arange(layer.n_units), np.where(np.isnan(values), np.inf, values)))


def lowest_first(layer: Layer, name: str) -> bool:
    """Whether an order by this begins with the lowest: for unit numbers, and for measures where lower is better."""
    return name not in layer.measures or layer.measures[name].better == "lower"
