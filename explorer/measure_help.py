"""What to know of a measure where it stands: how it is computed, what it can be, what chance makes of it, its source.

All of it comes from the measure's row in the registry, or from what the store says of a measure that has none.
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
    """Return what there is to know, a word and a text each; nothing that is not known."""
    points = ", shown as percentage points" if in_points(measure.name) and measure.range else ""
    told = (
        ("Formula", measure.formula),
        ("Range", measure.range + points),
        ("By chance", _chance(measure.name)),
        ("Source", measure.source),
    )
    return [(word, said) for word, said in told if said]


def help_markdown(measure: Told) -> str:
    """Return what there is to know for the help of a widget, where whatever a store says is literal."""
    return "\n\n".join(f"**{word}** {md_text(said)}" for word, said in help_of(measure))


def _chance(name: str) -> str:
    """Say why there is a level by chance, and where it comes from."""
    row = find(name)
    if row is None or row.chance is None:
        return ""
    level = row.chance
    if level.experiment:
        return f"{level.reason} The level ({level.name}) is that of the experiment {level.experiment}."
    held = find(level.measure)
    return f"{level.reason} The level is {held.label if held else level.name}."
