"""A rater's way through the units of a layer: what he has named, what is left, what comes next.

It knows the rater's own labels alone, so whoever is a second rater is blind to the first.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from explorer.labels import Label

MOST_RECENT = 9


@dataclass(frozen=True)
class Round:
    """The way of one rater through one layer.

    Parameters
    ----------
    units : tuple of int
        Those to name, in order.
    own : dict of int to Label
        The rater's labels of units of the layer, by unit.
    recent : tuple of str
        Up to `MOST_RECENT` different labels that he gave last, anywhere in the store, the last one first.
    """

    units: tuple[int, ...]
    own: dict[int, Label]
    recent: tuple[str, ...]

    @property
    def left(self) -> tuple[int, ...]:
        """The units that he has not named."""
        return tuple(unit for unit in self.units if unit not in self.own)

    @property
    def done(self) -> int:
        """How many of the units he has named."""
        return len(self.units) - len(self.left)

    def next_after(self, unit: int) -> int | None:
        """Return the next unit to name behind one, from the first again after the last; None where none is left."""
        others = [other for other in self.left if other != unit]
        return next((other for other in others if other > unit), others[0] if others else None)

    def beside(self, unit: int, by: int) -> int:
        """Return the unit so many places on, named or not; behind the last comes the first."""
        at = next((place for place, other in enumerate(self.units) if other >= unit), 0)
        return self.units[(at + by) % len(self.units)]


def round_of(labels: Iterable[Label], rater: str, layer: str, units: Sequence[int]) -> Round:
    """Return how far a rater is with some units of a layer; of the labels only his own are looked at."""
    own = [label for label in labels if label.rater == rater]
    recent = dict.fromkeys(label.text for label in reversed(own))
    in_layer = {label.unit: label for label in own if label.layer == layer}
    return Round(tuple(units), in_layer, tuple(recent)[:MOST_RECENT])
