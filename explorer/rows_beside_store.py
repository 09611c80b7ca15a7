"""A table of people's words beside a store: one CSV file, a row for each thing that somebody said."""

import contextlib
import csv
import io
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

from explorer import beside_store
from explorer.csv_text import as_it_was, harmless
from precompute.errors import DiskError, OptionError

MOST_TEXT, MOST_RATER = 120, 60


class Said(Protocol):
    """A row: a dataclass whose fields are the columns."""

    @property
    def layer(self) -> str:
        """The layer of the unit that it is about."""

    @property
    def unit(self) -> int:
        """The number of that unit."""

    @property
    def of(self) -> Hashable:
        """What it is about, and by whom: a table has one row of each."""


Row = TypeVar("Row", bound=Said)


@dataclass(frozen=True)
class Table(Generic[Row]):
    """A kind of such tables. Several people can write one at once, on one server or on several; all is kept.

    Parameters
    ----------
    ending : str
        The end of its file's name, such as ``labels.csv``.
    noun : str
        What its rows are, in the plural.
    row : type
        The dataclass of a row; its fields are the columns.
    understood : callable
        Makes a row of its cells, which are texts; raises `OptionError` where they are none.
    """

    ending: str
    noun: str
    row: type[Row]
    understood: Callable[[Sequence[str]], Row]
    lock: Any = field(default_factory=Lock, repr=False, compare=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The first line of the file."""
        return tuple(each.name for each in fields(self.row))  # type: ignore[arg-type]

    def file_of(self, store: Path) -> Path:
        """Return the file that holds the table of a store."""
        return beside_store.named(store, self.ending)

    def load(self, store: Path) -> tuple[Row, ...]:
        """Return the rows of a store, in the order in which they were said; none where the file is not there.

        Raises
        ------
        DiskError
            Where the file is there and cannot be understood.
        """
        return beside_store.load(self.file_of(store), self.noun, self.read)

    def load_where_readable(self, store: Path) -> tuple[Row, ...]:
        """Return the rows of a store; none where the file cannot be understood, which the pages of units tell."""
        with contextlib.suppress(DiskError):
            return self.load(store)
        return ()

    def read(self, text: str) -> tuple[Row, ...]:
        """Read rows from the text of such a file.

        Raises
        ------
        OptionError
            Where it has other columns, or a row that cannot be understood; the row is named.
        """
        # Spreadsheets put a mark before the first line.
        rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
        try:
            head = next(rows, None)
            if head is None or tuple(head) != self.columns:
                raise OptionError(f"A file of {self.noun} begins with the line {','.join(self.columns)}")
            return tuple(self._row(row, number) for number, row in enumerate(rows, start=2) if row)
        except csv.Error as error:
            raise OptionError(f"row {rows.line_num} is no row of a CSV file: {error}") from error

    def write(self, rows: Iterable[Row]) -> str:
        """Return rows as the text of such a file, in which a spreadsheet finds nothing to compute."""
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow(self.columns)
        writer.writerows(map(harmless, astuple(row)) for row in rows)  # type: ignore[call-overload]
        return out.getvalue()

    def put(self, store: Path, *given: Row) -> None:
        """Keep rows, each in place of the one that was of the same.

        Raises
        ------
        DiskError
            Where the file cannot be read or written; it is left as it was.
        """
        with self.lock, beside_store.changing(self.file_of(store)):
            held = {row.of: row for row in self.load(store)}
            for row in given:
                held.pop(row.of, None)
                held[row.of] = row
            beside_store.write(self.file_of(store), self.write(held.values()))

    def remove(self, store: Path, of: Hashable) -> None:
        """Forget a row.

        Raises
        ------
        DiskError
            Where the file cannot be read or written; it is left as it was.
        """
        with self.lock, beside_store.changing(self.file_of(store)):
            held = [row for row in self.load(store) if row.of != of]
            beside_store.write(self.file_of(store), self.write(held))

    def _row(self, cells: list[str], number: int) -> Row:
        if len(cells) != len(self.columns):
            raise OptionError(f"row {number} has {len(cells)} cells in place of {len(self.columns)}")
        try:
            return self.understood([as_it_was(cell) for cell in cells])
        except OptionError as error:
            raise OptionError(f"row {number}: {error}") from error


def unit_number(cell: str) -> int:
    """Return the number of a unit that a cell names.

    Raises
    ------
    OptionError
        Where it names none.
    """
    if not (cell.isascii() and cell.isdigit() and len(cell) < 10):
        raise OptionError(f"it names the unit “{cell[:40]}”, which is no number")
    return int(cell)


def refuse_empty_or_long(what: str, said: str, most: int) -> None:
    """Refuse a text that says nothing or too much.

    Raises
    ------
    OptionError
        Where it is empty or has more than so many characters.
    """
    if not said.strip() or len(said) > most:
        raise OptionError(f"A {what} has 1 to {most} characters; this one has {len(said.strip())}.")
