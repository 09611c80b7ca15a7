"""Criteria by which units can be found: each has a name in the URL, a label on the screen, and units that meet it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from explorer.concept_scores import names_of_store
from explorer.drop_test import statistics_of
from explorer.drop_verdicts import verdicts_of
from explorer.labels import Label, same_label
from explorer.measure_choices import in_order
from explorer.measure_display import option_label, quantity_of
from precompute.errors import OptionError
from precompute.store.reader import Layer, Measure, Store
from precompute.what_if.unit_list import read_units

Met = NDArray[np.bool_]

NEEDED, SATURATED, LABELLED, LABEL, UNITS = "needed_by", "saturated", "labelled", "label", "units"
"""The criteria that are not measures. Every measure is a criterion too, by its name."""
_YES, _NO, _BETWEEN = "yes", "no", ".."


@dataclass(frozen=True)
class Searched:
    """The units to search, and the sources of facts about them.

    Parameters
    ----------
    store : Store
        The store.
    layer : Layer
        The layer whose units they are.
    ablation : str
        The kind of ablation that is looked at.
    labels : sequence of Label
        Labels that people gave to units of the store.
    """

    store: Store
    layer: Layer
    ablation: str
    labels: Sequence[Label] = ()


class Criterion(Protocol):
    """Something that a unit meets or does not."""

    @property
    def label(self) -> str:
        """What it is called on the screen."""

    @property
    def answers(self) -> Sequence[str] | None:
        """The values that can be asked for, in order; None where the value is a text in a form of its own."""

    def means_something(self, asked: str) -> bool:
        """Return whether this value is valid."""

    def met(self, asked: str) -> Met:
        """Return which units meet it, (unit,)."""


@dataclass(frozen=True)
class OneOf:
    """Each unit has one or several names from a list, or none.

    Parameters
    ----------
    label : str
        As in :class:`Criterion`.
    answers : sequence of str
        As in :class:`Criterion`.
    belongs_to : callable
        Returns, for a name, the units that have it, (unit,).
    """

    label: str
    answers: Sequence[str]
    belongs_to: Callable[[str], Met]

    def means_something(self, asked: str) -> bool:
        """Return whether this is one of the names."""
        return asked in self.answers

    def met(self, asked: str) -> Met:
        """Return which units have this name."""
        return self.belongs_to(asked)


@dataclass(frozen=True)
class InRange:
    """A measure lies between two ends, both included, in the unit of the screen.

    Parameters
    ----------
    label : str
        As in :class:`Criterion`.
    values : array of float, (unit,)
        The measure in the unit of the screen; NaN meets no range, not even an open one.
    """

    label: str
    values: NDArray[np.floating]
    answers: ClassVar[None] = None

    def means_something(self, asked: str) -> bool:
        """Return whether this is a range."""
        try:
            return all(end is None or math.isfinite(end) for end in ends_of(asked))
        except ValueError:
            return False

    def met(self, asked: str) -> Met:
        """Return which units lie in the range."""
        least, most = ends_of(asked)
        # Compared with six digits, as they are written: 0.3 in float32 is 0.30000001.
        shown = np.array([float(f"{value:.6g}") for value in self.values])
        return np.asarray(
            (shown >= (-math.inf if least is None else least)) & (shown <= (math.inf if most is None else most))
        )


@dataclass(frozen=True)
class Listed:
    """The unit's number is in a list such as ``3, 7, 12-20``.

    Parameters
    ----------
    n_units : int
        Units of the layer.
    """

    n_units: int
    label: ClassVar[str] = "Unit numbers"
    answers: ClassVar[None] = None

    def means_something(self, asked: str) -> bool:
        """Return whether this is a list of units of the layer."""
        try:
            return bool(read_units(asked, self.n_units))
        except OptionError:
            return False

    def met(self, asked: str) -> Met:
        """Return which units the list names."""
        return np.isin(np.arange(self.n_units), read_units(asked, self.n_units))


def ends_of(asked: str) -> tuple[float | None, float | None]:
    """Return the lower and the upper end of a range such as ``0.3..1``; None for an open end.

    Raises
    ------
    ValueError
        Where it is not a range.
    """
    least, between, most = asked.partition(_BETWEEN)
    if not between:
        raise ValueError(asked)
    return float(least) if least else None, float(most) if most else None


def range_of(least: float | None, most: float | None) -> str:
    """Write a range."""
    return _BETWEEN.join("" if end is None else f"{end:.6g}" for end in (least, most))


def criteria_of(units: Searched) -> dict[str, Criterion]:
    """Return the criteria of a layer by name, in the order in which they are offered."""
    layer = units.layer
    found: dict[str, Criterion] = {}
    if statistics_of(units.store, layer.name, units.ablation) is not None:
        found[NEEDED] = _needed_by(units)
    if len(layer.exemplar_kinds) > 1 and layer.n_exemplars > 1:
        found[SATURATED] = _flag("Saturated: its strongest images share one value", partial(_saturated, layer))
    if names := _names(units):
        labelled = np.array([bool(held) for held in names])
        found[LABELLED] = _flag("Has a label", lambda: labelled)
        found[LABEL] = OneOf("Label", sorted(set().union(*names)), lambda asked: _holding(names, asked))
    found[UNITS] = Listed(layer.n_units)
    return found | {measure.name: _of_measure(units.store, measure) for measure in in_order(layer)}


def _of_measure(store: Store, measure: Measure) -> Criterion:
    label = option_label(measure)
    if measure.kind == "flag":
        return _flag(label, lambda: np.asarray(measure.values == 1))
    if measure.is_index:
        names = store.classes.name if measure.kind == "class" else names_of_store(store)
        return OneOf(label, names, lambda asked: np.asarray(measure.values == list(names).index(asked)))
    return InRange(label, quantity_of(measure).values)


def _flag(label: str, is_so: Callable[[], Met]) -> OneOf:
    return OneOf(label, (_YES, _NO), lambda asked: is_so() == (asked == _YES))


def _needed_by(units: Searched) -> OneOf:
    names = list(units.store.classes.name)
    verdicts = cache(partial(verdicts_of, units.store, units.layer, units.ablation))
    return OneOf("Class that needs it, beyond chance", names, lambda name: verdicts().needed_by(names.index(name)))


def _saturated(layer: Layer) -> Met:
    """Return which units have the same value on all top exemplars, and a lower one on their weakest image."""
    strongest, weakest = layer.exemplar_values("top"), layer.exemplar_values("bottom")
    return np.asarray((strongest[:, 0] == strongest[:, -1]) & (strongest[:, 0] > weakest[:, 0]))


def _names(units: Searched) -> list[set[str]]:
    """Return the labels of each unit of the layer, in the form of `same_label`; empty where no unit has any."""
    names: list[set[str]] = [set() for _ in range(units.layer.n_units)]
    for label in units.labels:
        if label.layer == units.layer.name and label.unit < len(names):
            names[label.unit].add(same_label(label.text))
    return names if any(names) else []


def _holding(names: Sequence[set[str]], asked: str) -> Met:
    return np.array([asked in held for held in names])
