"""Labels that people give to units, in one file beside the store: ``STORE.labels.csv``, a row a unit and rater."""

import csv
import io
from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from itertools import combinations
from pathlib import Path
from threading import Lock

from explorer import beside_store
from precompute.errors import OptionError
from precompute.measures.agreement import Agreement, cohens_kappa

MOST_TEXT, MOST_NOTE, MOST_RATER = 120, 1000, 60
CONFIDENCES = ("guess", "fair", "sure")
_one_at_a_time = Lock()


@dataclass(frozen=True)
class Label:
    """What one person calls a unit.

    Parameters
    ----------
    layer : str
        The unit's layer.
    unit : int
        Its number.
    rater : str
        Who says it.
    text : str
        The label: anybody's text.
    confidence : str
        One of `CONFIDENCES`.
    note : str
        What else there is to say.

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
        for what, said, most in (("label", self.text, MOST_TEXT), ("rater", self.rater, MOST_RATER)):
            if not said.strip() or len(said) > most:
                raise OptionError(f"A {what} has 1 to {most} characters; this one has {len(said.strip())}.")
        if len(self.note) > MOST_NOTE:
            raise OptionError(f"A note has {MOST_NOTE} characters at most; this one has {len(self.note)}.")
        if self.confidence not in CONFIDENCES:
            raise OptionError(f"There is no confidence “{self.confidence[:40]}”. Choose {', '.join(CONFIDENCES)}.")

    @property
    def of(self) -> tuple[str, int, str]:
        """The unit and the rater, who has one label for it."""
        return self.layer, self.unit, self.rater


_COLUMNS = tuple(field.name for field in fields(Label))


def file_of(store: Path) -> Path:
    """Return the file that holds a store's labels."""
    return beside_store.named(store, "labels.csv")


def load(store: Path) -> tuple[Label, ...]:
    """Return the labels of a store, in the order in which they were given; none where the file is not there.

    Raises
    ------
    DiskError
        Where the file is there and cannot be understood.
    """
    return beside_store.load(file_of(store), "labels", read)


def read(text: str) -> tuple[Label, ...]:
    """Read labels from the text of such a file.

    Raises
    ------
    OptionError
        Where it has other columns, or a row that is no label; the row is named.
    """
    # Spreadsheets put a mark before the first line.
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        head = next(rows, None)
        if head is None or tuple(head) != _COLUMNS:
            raise OptionError(f"A file of labels begins with the line {','.join(_COLUMNS)}")
        return tuple(_label(row, number) for number, row in enumerate(rows, start=2) if row)
    except csv.Error as error:
        raise OptionError(f"row {rows.line_num} is no row of a CSV file: {error}") from error


def write(labels: Iterable[Label]) -> str:
    """Return labels as the text of such a file."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    writer.writerows(astuple(label) for label in labels)
    return out.getvalue()


def put(store: Path, *given: Label) -> None:
    """Keep labels, each in place of the one that its rater gave the unit before.

    Raises
    ------
    DiskError
        Where the file cannot be read or written; it is left as it was.
    """
    with _one_at_a_time:
        held = {label.of: label for label in load(store)}
        for label in given:
            held.pop(label.of, None)
            held[label.of] = label
        beside_store.write(file_of(store), write(held.values()))


def remove(store: Path, layer: str, unit: int, rater: str) -> None:
    """Forget what a rater called a unit.

    Raises
    ------
    DiskError
        Where the file cannot be read or written; it is left as it was.
    """
    with _one_at_a_time:
        held = [label for label in load(store) if label.of != (layer, unit, rater)]
        beside_store.write(file_of(store), write(held))


def agreements(labels: Iterable[Label]) -> list[tuple[str, str, Agreement]]:
    """Return for every two raters who named the same units how far they agree, those with most such units first.

    Labels are the same where they differ by capitals and spaces alone.
    """
    said: dict[str, dict[tuple[str, int], str]] = {}
    for label in labels:
        said.setdefault(label.rater, {})[label.layer, label.unit] = " ".join(label.text.casefold().split())
    found = []
    for ours, theirs in combinations(sorted(said), 2):
        if both := sorted(said[ours].keys() & said[theirs].keys()):
            pairs = [said[ours][unit] for unit in both], [said[theirs][unit] for unit in both]
            found.append((ours, theirs, cohens_kappa(*pairs)))
    return sorted(found, key=lambda each: -each[2].n)


def _label(row: list[str], number: int) -> Label:
    if len(row) != len(_COLUMNS):
        raise OptionError(f"row {number} has {len(row)} cells in place of {len(_COLUMNS)}")
    layer, unit, rater, text, confidence, note = row
    if not (unit.isascii() and unit.isdigit() and len(unit) < 10):
        raise OptionError(f"row {number} names the unit “{unit[:40]}”, which is no number")
    try:
        return Label(layer, int(unit), rater, text, confidence, note)
    except OptionError as error:
        raise OptionError(f"row {number}: {error}") from error
