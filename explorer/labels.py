"""Labels that people give to units, in a file beside the store, ``STORE.labels.csv``: one row a unit and rater."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from explorer.rows_beside_store import MOST_RATER, MOST_TEXT, Table, refuse_empty_or_long, unit_number
from precompute.errors import OptionError

MOST_NOTE, MOST_COMPARED = 1000, 100
CONFIDENCES = ("guess", "fair", "sure")


@dataclass(frozen=True)
class Label:
    """The label that one person gives to a unit.

    Parameters
    ----------
    layer : str
        The unit's layer.
    unit : int
        Its number.
    rater : str
        The person's name.
    text : str
        The label: anybody's text.
    confidence : str
        One of `CONFIDENCES`.
    note : str
        Any further remark.

    Raises
    ------
    OptionError
        Where the rater or the label is empty, or one of them is too long, or the confidence is none.
    """

    layer: str
    unit: int
    rater: str
    text: str
    confidence: str = "fair"
    note: str = ""

    def __post_init__(self) -> None:
        refuse_empty_or_long("label", self.text, MOST_TEXT)
        refuse_empty_or_long("rater", self.rater, MOST_RATER)
        if len(self.note) > MOST_NOTE:
            raise OptionError(f"A note has {MOST_NOTE} characters at most; this one has {len(self.note)}.")
        if self.confidence not in CONFIDENCES:
            raise OptionError(f"There is no confidence “{self.confidence[:40]}”. Choose {', '.join(CONFIDENCES)}.")

    @property
    def of(self) -> tuple[str, int, str]:
        """The unit and the rater, who has one label for it."""
        return self.layer, self.unit, self.rater


def _understood(cells: Sequence[str]) -> Label:
    layer, unit, rater, text, confidence, note = cells
    return Label(layer, unit_number(unit), rater, text, confidence, note)


LABELS = Table("labels.csv", "labels", Label, _understood)
"""The table of all labels."""


def same_label(text: str) -> str:
    """Return a label in lower case with single spaces: labels that are equal then count as the same."""
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class Pair:
    """Two raters, and the labels that each gives to the units that both named, in the same order."""

    raters: tuple[str, str]
    ours: tuple[str, ...]
    theirs: tuple[str, ...]


def pairs(labels: Iterable[Label]) -> list[Pair]:
    """Return every pair of raters with units that both named, the pair with most such units first.

    Labels are equal if they differ only in capitals and spaces. Of more than `MOST_COMPARED` raters, those who named
    most units are compared.
    """
    said: dict[str, dict[tuple[str, int], str]] = {}
    for label in labels:
        said.setdefault(label.rater, {})[label.layer, label.unit] = same_label(label.text)
    found = []
    for raters in combinations(sorted(sorted(said, key=lambda rater: -len(said[rater]))[:MOST_COMPARED]), 2):
        ours, theirs = (said[rater] for rater in raters)
        if both := sorted(ours.keys() & theirs.keys()):
            found.append(Pair(raters, tuple(ours[unit] for unit in both), tuple(theirs[unit] for unit in both)))
    return sorted(found, key=lambda pair: -len(pair.ours))
