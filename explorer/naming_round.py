"""A rater's progress through the units of a layer: which units are named, which are left, which comes next.

It knows only the rater's own labels, so a second rater does not see the first one's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from explorer.labels import Label

MOST_RECENT = 9


@dataclass(frozen=True)
class Round:
    """The progress of one rater through one layer.

    Parameters
    ----------
    units : tuple of int
        The units to name, in order.
    own : dict of int to Label
        The rater's labels of units of the layer, by unit.
    recent : tuple of str
        Up to `MOST_RECENT` different labels that the rater gave last, anywhere in the store, the last one first.
    """

    units: tuple[int, ...]
    own: dict[int, Label]
    recent: tuple[str, ...]

    @property
    def left(self) -> tuple[int, ...]:
        """The units that the rater has not named."""
        return tuple(unit for unit in self.units if unit not in self.own)

    @property
    def done(self) -> int:
        """The number of units that the rater has named."""
        return len(self.units) - len(self.left)

    def next_after(self, unit: int) -> int | None:
        """Return the next unit to name after a unit; after the last comes the first. None where none is left."""
        others = [other for other in self.left if other != unit]
        return next((other for other in others if other > unit), others[0] if others else None)

    def beside(self, unit: int, by: int) -> int:
        """Return the unit `by` places further on, named or not; after the last comes the first."""
        at = next((place for place, other in enumerate(self.units) if other >= unit), 0)
        return self.units[(at + by) % len(self.units)]


def round_of(labels: Iterable[Label], rater: str, layer: str, units: Sequence[int]) -> Round:
    """Return a rater's progress through some units of a layer; other raters' labels are ignored."""
    own = [label for label in labels if label.rater == rater]
    recent = dict.fromkeys(label.text for label in reversed(own))
    in_layer = {label.unit: label for label in own if label.layer == layer}
    return Round(tuple(units), in_layer, tuple(recent)[:MOST_RECENT])
