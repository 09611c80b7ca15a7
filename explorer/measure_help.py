"""Help on a measure where it is shown: its formula, its range, its chance level, its source.

It is taken from the measure's row in the registry, or from the store for a measure that has no row.
"""

from typing import Protocol

from explorer.format import md_text
from precompute.measures.table import find, in_points


class Told(Protocol):
    """A measure of a store, or a row of the registry."""

    @property
    def name(self) -> str:
        """Its name in a store."""

    @property
    def formula(self) -> str:
        """How it is computed."""

    @property
    def range(self) -> str:
        """The values that it can take."""

    @property
    def source(self) -> str:
        """Where the definition comes from."""


def help_of(measure: Told) -> list[tuple[str, str]]:
    """Return the known facts about a measure, each as a heading and a text."""
    points = ", shown as percentage points" if in_points(measure.name) and measure.range else ""
    told = (
        ("Formula", measure.formula),
        ("Made by an earlier version", _now(measure)),
        ("Range", measure.range + points),
        ("By chance", _chance(measure.name)),
        ("Source", measure.source),
    )
    return [(word, said) for word, said in told if said]


def help_markdown(measure: Told) -> str:
    """Return the facts about a measure as markdown for a widget's help; texts from a store are literal."""
    return "\n\n".join(f"**{word}** {md_text(said)}" for word, said in help_of(measure))


def _now(measure: Told) -> str:
    """Say by which formula it would be computed now, where the store's is another one."""
    row = find(measure.name)
    if row is None or not measure.formula or measure.formula == row.formula:
        return ""
    return f"This version would compute: {row.formula}."


def _chance(name: str) -> str:
    """Say why a chance level is needed, and where it comes from."""
    row = find(name)
    if row is None or row.chance is None:
        return ""
    level = row.chance
    if level.experiment:
        return f"{level.reason} The level ({level.name}) is that of the experiment {level.experiment}."
    held = find(level.measure)
    return f"{level.reason} The level is {held.label if held else level.name}."
