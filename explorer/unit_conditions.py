"""Conditions by which units are found: on what a store says of each unit, all of which hold.

They are text in the URL: ``needed_by=ship&class_selectivity=0.3..`` and the like, escaped as a URL's parameters are.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import numpy as np
from numpy.typing import NDArray

from explorer.concept_scores import names_of_store
from explorer.drop_test import statistics_of
from explorer.drop_verdicts import verdicts_of
from explorer.measure_choices import in_order
from explorer.measure_display import quantity_of
from precompute.store.reader import Layer, Measure, Store

Kept = NDArray[np.bool_]

NEEDED = "needed_by"
"""The condition that a class loses without the unit; every other one is named by its measure."""
_BETWEEN, _YES, _NO = "..", "yes", "no"


@dataclass(frozen=True)
class Condition:
    """One condition.

    Parameters
    ----------
    name : str
        :data:`NEEDED`, or the name of a measure.
    asked : str
        What it asks for: a range as ``0.3..1``, either end of which may be missing; ``yes`` or ``no``; or the name of a
        class, by its folder, or of a concept.
    """

    name: str
    asked: str

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The least and the most of a range, None where it has no such end.

        Raises
        ------
        ValueError
            Where what is asked for is no range.
        """
        least, between, most = self.asked.partition(_BETWEEN)
        if not between:
            raise ValueError(self.asked)
        return _end(least), _end(most)


def in_range(name: str, least: float | None, most: float | None) -> Condition:
    """Return the condition that a measure lies in a range, ends included, as the screen shows the measure."""
    return Condition(name, _BETWEEN.join("" if end is None else f"{end:.6g}" for end in (least, most)))


def choices(store: Store, layer: Layer, ablation: str) -> list[str]:
    """Return the names of the conditions that a layer allows: that a class needs the unit, where that was tested."""
    tested = statistics_of(store, layer.name, ablation) is not None
    return [*([NEEDED] if tested else []), *(measure.name for measure in in_order(layer))]


def answers_of(store: Store, layer: Layer, name: str) -> Sequence[str] | None:
    """Return what a condition that is no range can ask for, in order; None for a range."""
    if name == NEEDED:
        return store.classes.name
    measure = layer.measures[name]
    if measure.kind == "flag":
        return _YES, _NO
    return _names(store, measure) if measure.is_index else None


def read(text: str | None, store: Store, layer: Layer, ablation: str) -> tuple[list[Condition], list[str]]:
    """Read conditions.

    Returns
    -------
    conditions : list of Condition
        Those that mean something in this layer, each measure once.
    problems : list of str
        A sentence for each other one.
    """
    found: dict[str, Condition] = {}
    possible = choices(store, layer, ablation)
    problems = []
    for name, asked in parse_qsl(text or "", keep_blank_values=True):
        condition = Condition(name, asked)
        if name in possible and _means_something(condition, store, layer):
            found[name] = condition
        else:
            problems.append(f"The address asks for units by “{name[:40]}: {asked[:40]}”, which means nothing here.")
    return list(found.values()), problems


def write(conditions: Iterable[Condition]) -> str | None:
    """Return the text of conditions; None where there are none."""
    return urlencode([(condition.name, condition.asked) for condition in conditions]) or None


def kept(conditions: Iterable[Condition], store: Store, layer: Layer, ablation: str) -> Kept:
    """Return which units meet all conditions, (unit,).

    A unit without a value of a measure meets no condition on it, not even a range without ends.
    """
    found = np.ones(layer.n_units, dtype=bool)
    for condition in conditions:
        found &= _holds(condition, store, layer, ablation)
    return found


def _holds(condition: Condition, store: Store, layer: Layer, ablation: str) -> Kept:
    if condition.name == NEEDED:
        return verdicts_of(store, layer, ablation).needed_by(list(store.classes.name).index(condition.asked))
    measure = layer.measures[condition.name]
    if measure.is_index:
        names = _names(store, measure)
        return np.array([not np.isnan(i) and names[int(i)] == condition.asked for i in measure.values])
    if measure.kind == "flag":
        return np.asarray(measure.values == (condition.asked == _YES))
    values, (least, most) = quantity_of(measure).values, condition.ends
    # Compared as they are shown and written: a value of 0.3 in float32 is 0.30000001.
    shown = np.array([float(f"{value:.6g}") for value in values])
    return np.asarray(
        (shown >= (-math.inf if least is None else least)) & (shown <= (math.inf if most is None else most))
    )


def _means_something(condition: Condition, store: Store, layer: Layer) -> bool:
    answers = answers_of(store, layer, condition.name)
    if answers is not None:
        return condition.asked in answers
    try:
        least, most = condition.ends
    except ValueError:
        return False
    return all(end is None or math.isfinite(end) for end in (least, most))


def _names(store: Store, measure: Measure) -> Sequence[str]:
    return store.classes.name if measure.kind == "class" else names_of_store(store)


def _end(text: str) -> float | None:
    return float(text) if text else None
