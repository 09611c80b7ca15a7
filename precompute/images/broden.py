"""Masks in the layout of Broden, the labelled pictures with which network dissection was published.

::

    <root>/index.csv         image,split,ih,iw,sh,sw, then a column for each category
    <root>/label.csv         number,name,category,frequency,coverage,syns
    <root>/images/...        pictures and masks, by their paths in index.csv

A cell of a category holds any number of labels, separated by semicolons, the dominant one first. A decimal number is a
label of the whole picture; anything else is the path of a mask whose pixels encode a label as red + 256 green. Label 0
means none. ``category`` in label.csv lists the categories in which a label is used, as in ``material(36);object(3)``.

This reader was written from its makers' description of the format, and tested on a small tree in that format. It was
never run on the published data.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from precompute.errors import ImageFolderError
from precompute.images.concepts import NONE, Masks, open_mask
from precompute.images.folder import ImageList

INDEX = "index.csv"
_NO_CATEGORY = ("image", "split", "ih", "iw", "sh", "sw")


@dataclass(frozen=True)
class _Row:
    """A row of the index: the path of a picture, and its labels in each category, as written there."""

    image: str
    labels: dict[str, tuple[str, ...]]


def open_broden(root: Path) -> Masks:
    """Read the index of a folder in Broden's layout.

    A label that is used in two categories makes two concepts here. The published analysis counts both together under
    one category.

    Parameters
    ----------
    root : Path
        The folder that holds `index.csv`.

    Raises
    ------
    ImageFolderError
        If the index or the labels are missing, or are not in this layout.
    """
    rows = _read_index(root / INDEX)
    categories = tuple(rows[0].labels) if rows else ()
    concepts = _read_labels(root / "label.csv", categories)
    place = {pair: index for index, pair in enumerate(concepts)}
    if not place or not rows:
        raise ImageFolderError(f"{root}: expected images and labels of their categories in {INDEX}, found none.")
    images = ImageList(
        (root / "images").resolve(), tuple(row.image for row in rows), np.zeros(len(rows), np.int32), ("",)
    )

    def read(index: int) -> list[np.ndarray]:
        row = rows[index]
        return [
            _plane(images.root, category, written, place) for category in row.labels for written in row.labels[category]
        ]

    return Masks(
        root=root,
        images=images,
        names=tuple(concepts.values()),
        categories=tuple(category for category, _ in concepts),
        annotated=np.array([index for index, row in enumerate(rows) if any(row.labels.values())], dtype=np.int64),
        read=read,
    )


def _plane(folder: Path, category: str, written: str, place: dict[tuple[str, int], int]) -> np.ndarray:
    numbers = np.full((1, 1), int(written)) if written.isdecimal() else _decoded(folder / written)
    found, where = np.unique(numbers, return_inverse=True)
    unknown = [int(number) for number in found if number and (category, int(number)) not in place]
    if unknown:
        raise ImageFolderError(
            f"{folder / written}: the label {unknown[0]} is not in the category {category!r} in label.csv. "
            "Use an index and labels of the same edition."
        )
    concepts = np.array([place.get((category, int(number)), NONE) for number in found], dtype=np.int32)
    return concepts[where].reshape(numbers.shape)


def _decoded(path: Path) -> np.ndarray:
    pixels = open_mask(path)
    if pixels.ndim != 3 or pixels.shape[2] < 3 or pixels.dtype != np.uint8:
        raise ImageFolderError(
            f"{path}: expected a mask in red, green and blue, which encode a label as red + 256 green."
        )
    red, green = (pixels[:, :, channel].astype(np.int64) for channel in (0, 1))
    return red + 256 * green


# The tables


def _read_index(path: Path) -> list[_Row]:
    return [
        _Row(
            line["image"],
            {
                category: tuple(part for part in (cell or "").split(";") if part.strip("0"))
                for category, cell in line.items()
                if category not in _NO_CATEGORY
            },
        )
        for line in _read_table(path, ("image",))
    ]


def _read_labels(path: Path, categories: tuple[str, ...]) -> dict[tuple[str, int], str]:
    """Return the name of each (category, number), by category in the order of the index, then by number."""
    found = {}
    for line in _read_table(path, ("number", "name", "category")):
        if not line["number"].isdecimal():
            raise ImageFolderError(f"{path}: expected the number of a label, found {line['number']!r}. Mend the table.")
        for used in re.findall(r"([^;(]+)\([^)]*\)", line["category"]):
            found[used, int(line["number"])] = line["name"]
    return {
        pair: found[pair] for category in categories for pair in sorted(pair for pair in found if pair[0] == category)
    }


def _read_table(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in needed if name not in (reader.fieldnames or ())]
            if missing:
                raise ImageFolderError(f"{path}: expected a column {missing[0]!r}, found {reader.fieldnames}.")
            return list(reader)
    except OSError as error:
        raise ImageFolderError(f"{path}: this table cannot be read ({error.strerror}).") from error
