"""Conditions by which units are found, all of which hold: text in the URL, and the units that meet it.

The text is ``needed_by=ship&class_selectivity=0.3..`` and the like, escaped as a URL's parameters are.
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
        Of the criterion, as `explorer.unit_criteria` has it.
    asked : str
        What it asks for: one of the criterion's answers, or a text of its form.
    """

    name: str
    asked: str


def read(text: str | None, possible: Mapping[str, Criterion]) -> tuple[list[Condition], list[str]]:
    """Read conditions on some of the criteria that are possible.

    Returns
    -------
    conditions : list of Condition
        Those that mean something in this layer, each criterion once.
    problems : list of str
        A sentence for each other one.
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
    """Return the text with one more condition, in place of the one of the same criterion."""
    held = [Condition(name, asked) for name, asked in parse_qsl(text or "", keep_blank_values=True)]
    return write([*(condition for condition in held if condition.name != added.name), added])


def met(conditions: Iterable[Condition], possible: Mapping[str, Criterion], n_units: int) -> Met:
    """Return which units of a layer meet all conditions, (unit,).

    A unit without a value of a measure meets no condition on it, not even a range without ends.
    """
    found = np.ones(n_units, dtype=bool)
    for condition in conditions:
        found &= possible[condition.name].met(condition.asked)
    return found
