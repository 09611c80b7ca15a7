"""Images and their classes from a list: the CSV file of ``--labels``."""

import csv
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from precompute.errors import ImageFolderError
from precompute.images.folder import ImageList, refuse_all_left_out
from precompute.images.same_text import composed
from precompute.images.walk import LEADS_OUT, is_there, lies_in
from precompute.words import first_few

_COLUMNS = {
    "path": ("path", "image", "file", "filename", "file_name", "filepath"),
    "label": ("label", "class"),
    "split": ("split", "set", "subset", "partition"),
}
"""The names that each column may have, in capitals or small letters."""
_DELIMITERS = (",", ";", "\t", "|")
_TRAINING = ("train", "training")
_IMAGES = ("", "val", "valid", "validation", "test")
_LONGEST_LABEL = 255
_EXPECTED = "Expected a CSV file whose first line names the columns, path and label and perhaps split"


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """The images of a list.

    Parameters
    ----------
    images : ImageList
        The images of the run: the rows of the one split that is not for training. Their classes are their labels.
    train : ImageList or None
        The rows for training; None if there are none.
    unused : tuple of str
        The names of columns that are not used.
    """

    images: ImageList
    train: ImageList | None
    unused: tuple[str, ...]


@dataclass(frozen=True)
class _Row:
    line: int
    path: str
    label: str
    split: str

    def __str__(self) -> str:
        return f"line {self.line:,} ({self.path[:80]})"


def read_labels(file: str | Path, root: str | Path | None = None, *, follow_links: bool = False) -> LabelledImages:
    r"""Read a list of images with their classes.

    Paths are relative to a folder that holds all images, or absolute and below it; no path may contain ``..``. Spaces
    around values are ignored, and ``\`` in a path stands for ``/``. A path is left out if links on it lead out of the
    folder.

    Parameters
    ----------
    file : str or Path
        The list: comma, semicolon, tab or ``|`` between values, in UTF-8, or in UTF-16 with a byte order mark.
    root : str or Path, optional
        The folder that holds the images; by default the folder of the list.
    follow_links : bool
        Whether links may lead out of the folder.

    Returns
    -------
    LabelledImages
        The same for the same rows in any order.

    Raises
    ------
    ImageFolderError
        If the list cannot be read, a row is not complete, an image is listed twice or is missing, or the splits do not
        say which images are meant. The message names the first lines at fault.
    """
    file = Path(file).expanduser()
    base = Path(file.parent if root is None else root).expanduser()
    if not base.is_dir():
        raise ImageFolderError(f"{base}: there is no such folder. Name the folder in which the paths of {file} begin.")
    rows, unused = _rows(file)
    found = _Spelling(base.resolve())
    rows = [replace(row, path=found.on_disk(row.path)) for row in (_below(file, row, base) for row in rows)]
    _refuse(file, "the same image in two classes:", _repeated(rows, lambda row: row.label), "Keep one row of each.")
    _refuse(file, "an image for training and for the run:", _repeated(rows, _split_of), "Keep one row of each.")
    _refuse(file, "an image listed more than once:", _repeated(rows, None), "Keep one row of each.")
    training = [row for row in rows if row.split in _TRAINING]
    held = _of_one_split(file, rows)
    missing = [row for row in rows if not is_there(base.resolve() / row.path)]
    _refuse(file, f"no file below {base.resolve()} for", missing, "Use --images to name the folder that holds them.")
    images = _as_images(base.resolve(), held, follow_links)
    return LabelledImages(images, _as_images(base.resolve(), training, follow_links) if training else None, unused)


# The file


def _rows(file: Path) -> tuple[list[_Row], tuple[str, ...]]:
    """Read all rows, which must be complete and have a known split, and the names of columns that are not used."""
    lines = _text(file).replace("\r\n", "\n").replace("\r", "\n").split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if first == len(lines):
        raise ImageFolderError(f"{file}: this file is empty. {_EXPECTED}.")
    delimiter, names = _head(file, lines[first])
    columns = {meaning: _column(file, names, meaning) for meaning in _COLUMNS}
    reader = csv.reader(
        (f"{line}\n" for line in lines[first + 1 :]), delimiter=delimiter, strict=True, skipinitialspace=True
    )
    rows = []
    try:
        for values in reader:
            if any(value.strip() for value in values):
                rows.append(_row(file, first + 1 + reader.line_num, values, names, columns))
    except csv.Error as error:
        raise ImageFolderError(
            f"{file}: line {first + 1 + reader.line_num:,} is not CSV ({error}). Put a value that holds {delimiter!r} "
            "or a quotation mark into quotation marks."
        ) from error
    used = set(columns.values())
    return rows, tuple(name for place, name in enumerate(names) if place not in used and name)


def _text(file: Path) -> str:
    if not file.is_file():
        found = "this is not a file" if file.exists() else "there is no such file"
        raise ImageFolderError(f"{file}: {found}. {_EXPECTED}.")
    try:
        content = file.read_bytes()
        text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except OSError as error:
        raise ImageFolderError(f"{file}: the list cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise ImageFolderError(
            f"{file}: this is not UTF-8 ({error.reason} at byte {error.start:,}). Save it as CSV in UTF-8."
        ) from error
    if "\0" in text:
        raise ImageFolderError(f"{file}: this is not text: it holds null bytes. {_EXPECTED}.")
    return text


def _head(file: Path, line: str) -> tuple[str, list[str]]:
    """Return the delimiter with which the first line has a path and a label, and the names of the columns."""
    for delimiter in _DELIMITERS:
        names = [name.strip() for name in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True))]
        small = [name.lower() for name in names]
        if all(set(small) & set(_COLUMNS[needed]) for needed in ("path", "label")):
            return delimiter, names
    raise ImageFolderError(
        f"{file}: {_EXPECTED}, found {line[:80]!r}. The path may be called {', '.join(_COLUMNS['path'])}, the label "
        f"{' or '.join(_COLUMNS['label'])}."
    )


def _column(file: Path, names: Sequence[str], meaning: str) -> int | None:
    found = [place for place, name in enumerate(names) if name.lower() in _COLUMNS[meaning]]
    if len(found) > 1:
        raise ImageFolderError(
            f"{file}: several columns may be the {meaning}: {first_few([names[place] for place in found])}. "
            "Call the others something else."
        )
    return found[0] if found else None


def _row(file: Path, line: int, values: list[str], names: list[str], columns: dict[str, int | None]) -> _Row:
    if len(values) != len(names):
        raise ImageFolderError(
            f"{file}: line {line:,} has {len(values)} values, but there are {len(names)} columns ({first_few(names)}). "
            "Put a value that holds the delimiter into quotation marks."
        )
    path, label, split = ("" if place is None else values[place].strip() for place in columns.values())
    row = _Row(line, path.replace("\\", "/"), composed(label), split.lower())
    for meaning, value in (("path", path), ("label", label)):
        if not value:
            raise ImageFolderError(f"{file}: line {line:,} has no {meaning}. Complete the row or take it out.")
        if any(unicodedata.category(sign) == "Cc" for sign in value):
            raise ImageFolderError(f"{file}: the {meaning} of line {line:,} holds control characters: {value[:80]!r}.")
    if len(label) > _LONGEST_LABEL:
        raise ImageFolderError(f"{file}: the label of line {line:,} has more than {_LONGEST_LABEL} characters.")
    if row.split not in (*_TRAINING, *_IMAGES):
        raise ImageFolderError(
            f"{file}: line {line:,} has the split {split[:80]!r}. Expected train, val, valid, validation, test or "
            "nothing."
        )
    return row


# What the rows say together


def _below(file: Path, row: _Row, base: Path) -> _Row:
    """Return the row with its path relative to the root; a path out of the root is refused."""
    path = PurePosixPath(row.path)
    if path.is_absolute():
        # The list may name the folder as it was given or by where its links lead.
        roots = [PurePosixPath(root) for root in (base.resolve(), base.absolute())]
        inside = [path.relative_to(root) for root in roots if path.is_relative_to(root)]
    else:
        inside = [path]
    if not inside or ".." in inside[0].parts or not inside[0].parts:
        raise ImageFolderError(
            f"{file}: line {row.line:,}: {row.path} is not below {base}. Name the folder that holds all images with "
            "--images, and list paths below it."
        )
    return _Row(row.line, str(inside[0]), row.label, row.split)


@dataclass(frozen=True)
class _Spelling:
    """Finds files whose names encode accents in another way than the list does."""

    root: Path
    entries: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def on_disk(self, path: str) -> str:
        """Return a path as the disk spells it; unchanged if no file matches, or several do."""
        if path.isascii() or is_there(self.root / path):
            return path
        found = PurePosixPath()
        for part in PurePosixPath(path).parts:
            same = self._names_in(str(found)).get(composed(part), [])
            if part not in same and len(same) != 1:
                return path
            found /= part if part in same else same[0]
        return str(found)

    def _names_in(self, folder: str) -> dict[str, list[str]]:
        """Return the names in a folder by their composed form, which names that are the same text share."""
        if folder not in self.entries:
            self.entries[folder] = {}
            with suppress(OSError):
                for entry in (self.root / folder).iterdir():
                    self.entries[folder].setdefault(composed(entry.name), []).append(entry.name)
        return self.entries[folder]


def _repeated(rows: Iterable[_Row], differing: Callable[[_Row], object] | None) -> list[_Row]:
    """Return the rows whose path came before; if `differing` is given, only those that differ from it by this value."""
    first: dict[str, _Row] = {}
    return [
        row
        for row in rows
        if (before := first.setdefault(row.path, row)) is not row
        and (differing is None or differing(before) != differing(row))
    ]


def _split_of(row: _Row) -> bool:
    return row.split in _TRAINING


def _of_one_split(file: Path, rows: Sequence[_Row]) -> list[_Row]:
    held = [row for row in rows if row.split not in _TRAINING]
    counts = Counter(row.split for row in held)
    if not held:
        found = "only rows for training" if rows else "no rows"
        raise ImageFolderError(f"{file}: expected rows of the images to look at, found {found}.")
    if len(counts) > 1:
        told = ", ".join(f"{count:,} of {split or 'no split'}" for split, count in sorted(counts.items()))
        raise ImageFolderError(
            f"{file}: expected the images of one split beside those for training, found {told}. Keep the rows of one "
            "of them in a file of their own."
        )
    return held


def _refuse(file: Path, what: str, rows: Sequence[_Row], way_on: str) -> None:
    if rows:
        raise ImageFolderError(f"{file}: {what} {first_few([str(row) for row in rows])}. {way_on}")


def _as_images(root: Path, rows: Sequence[_Row], follow_links: bool) -> ImageList:
    names = tuple(sorted({row.label for row in rows}))
    place = {name: label for label, name in enumerate(names)}
    ordered = sorted(rows, key=lambda row: (row.label, row.path))
    labels = np.array([place[row.label] for row in ordered], dtype=np.int32)
    paths = tuple(row.path for row in ordered)
    out = [] if follow_links else [path for path in paths if not lies_in(os.path.realpath(root / path), str(root))]
    images = ImageList(root, paths, labels, names, left_out=dict.fromkeys(out, LEADS_OUT))
    refuse_all_left_out(images)
    return images
