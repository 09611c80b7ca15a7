"""Conditions by which units are found: their text in the URL, and the units that meet all of them.

The text looks like ``needed_by=ship&class_selectivity=0.3..``, escaped like parameters of a URL.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

import numpy as np

from explorer.unit_criteria import Criterion, Met


@dataclass(frozen=True)
class Condition:
    """One condition.

    Parameters
    ----------
    name : str
        Name of the criterion in `explorer.unit_criteria`.
    asked : str
        The wanted value: one of the criterion's answers, or a text in its form.
    """

    name: str
    asked: str


def read(text: str | None, possible: Mapping[str, Criterion]) -> tuple[list[Condition], list[str]]:
    """Read conditions from their text; `possible` are the criteria of the layer.

    Returns
    -------
    conditions : list of Condition
        The conditions that are valid in this layer, each criterion once.
    problems : list of str
        A sentence for each invalid one.
    """
    found: dict[str, Condition] = {}
    problems = []
    for name, asked in parse_qsl(text or "", keep_blank_values=True):
        if name in possible and possible[name].means_something(asked):
            found[name] = Condition(name, asked)
        else:
            problems.append(f"The address asks for units by “{name[:40]}: {asked[:40]}”, which means nothing here.")
    return list(found.values()), problems


def write(conditions: Iterable[Condition]) -> str | None:
    """Return the text of conditions; None where there are none."""
    return urlencode([(condition.name, condition.asked) for condition in conditions]) or None


def with_condition(text: str | None, added: Condition) -> str | None:
    """Return the text with one more condition, which replaces an earlier one on the same criterion."""
    held = [Condition(name, asked) for name, asked in parse_qsl(text or "", keep_blank_values=True)]
    return write([*(condition for condition in held if condition.name != added.name), added])


def met(conditions: Iterable[Condition], possible: Mapping[str, Criterion], n_units: int) -> Met:
    """Return which units of a layer meet all conditions, (unit,).

    A unit without a value of a measure meets no condition on it, not even an open range.
    """
    found = np.ones(n_units, dtype=bool)
    for condition in conditions:
        found &= possible[condition.name].met(condition.asked)
    return found
