"""Tables beside a store that keep what people say: one CSV file, with one row for each label or answer."""

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
        """The layer of the unit that the row is about."""

    @property
    def unit(self) -> int:
        """The number of that unit."""

    @property
    def of(self) -> Hashable:
        """The key of the row: its subject and its author. A table has one row for each key."""


Row = TypeVar("Row", bound=Said)


@dataclass(frozen=True)
class Table(Generic[Row]):
    """A kind of table. Several people can write a table at once, on one server or on several; nothing is lost.

    Parameters
    ----------
    ending : str
        The end of its file's name, such as ``labels.csv``.
    noun : str
        The name of its rows, in the plural.
    row : type
        The dataclass of a row; its fields are the columns.
    understood : callable
        Makes a row from its cells, which are texts; raises `OptionError` where they are invalid.
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
        return beside_store.file_beside(store, self.ending)

    def load(self, store: Path) -> tuple[Row, ...]:
        """Return the rows of a store, in the order in which they were written; none where the file does not exist.

        Raises
        ------
        DiskError
            Where the file is there and cannot be understood.
        """
        return beside_store.load(self.file_of(store), self.noun, self.read)

    def load_where_readable(self, store: Path) -> tuple[Row, ...]:
        """Return the rows of a store; none where the file cannot be understood, which pages of units report."""
        with contextlib.suppress(DiskError):
            return self.load(store)
        return ()

    def read(self, text: str) -> tuple[Row, ...]:
        """Read rows from the text of such a file.

        Raises
        ------
        OptionError
            Where it has other columns, or a row that cannot be understood; the message names the row.
        """
        # Spreadsheets put a byte order mark before the first line.
        rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
        try:
            head = next(rows, None)
            if head is None or tuple(head) != self.columns:
                raise OptionError(f"A file of {self.noun} begins with the line {','.join(self.columns)}")
            return tuple(self._row(row, number) for number, row in enumerate(rows, start=2) if row)
        except csv.Error as error:
            raise OptionError(f"row {rows.line_num} is not a row of a CSV file: {error}") from error

    def write(self, rows: Iterable[Row]) -> str:
        """Return rows as the text of such a file, without anything that a spreadsheet would compute."""
        out = io.StringIO(newline="")
        writer = csv.writer(out)
        writer.writerow(self.columns)
        writer.writerows(map(harmless, astuple(row)) for row in rows)  # type: ignore[call-overload]
        return out.getvalue()

    def put(self, store: Path, *given: Row) -> None:
        """Store rows, each in place of the earlier row with the same key.

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
        """Remove the row with a key.

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
    """Return the unit number in a cell.

    Raises
    ------
    OptionError
        Where the cell holds no unit number.
    """
    if not (cell.isascii() and cell.isdigit() and len(cell) < 10):
        raise OptionError(f"it names the unit “{cell[:40]}”, which is not a number")
    return int(cell)


def refuse_empty_or_long(what: str, said: str, most: int) -> None:
    """Refuse a text that is empty or too long.

    Raises
    ------
    OptionError
        Where it is empty or has more than `most` characters.
    """
    if not said.strip() or len(said) > most:
        raise OptionError(f"A {what} has 1 to {most} characters; this one has {len(said.strip())}.")
