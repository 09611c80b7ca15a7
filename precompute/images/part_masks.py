"""Masks in the simple layout of the demo: for each picture and category, an image of part numbers.

::

    <masks>/parts.json                              category -> number -> part name, numbers from 1
    <masks>/[<split>/]<class>/<picture>-<category>.png

``<picture>`` is the picture's path below its class folder, without the ending. Pixels hold the numbers of `parts.json`;
0 means none of the category's parts. ``<split>`` is the name of the folder that holds the class folders; if `<masks>`
has no such folder, the class folders lie directly in it. If a picture has no file of a category, nobody has marked
that category in it.
"""

import json
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from precompute.errors import ImageFolderError
from precompute.images.concepts import NONE, Masks, open_mask
from precompute.images.folder import ImageList

PARTS = "parts.json"
_LARGEST = 65_535


def open_part_masks(root: Path, images: ImageList) -> Masks:
    """Find the masks of some pictures.

    Parameters
    ----------
    root : Path
        The folder that holds `parts.json`.
    images : ImageList
        The pictures.

    Raises
    ------
    ImageFolderError
        If `parts.json` is missing or not in this layout, or no picture has any mask.
    """
    parts = _read_parts(root / PARTS)
    first, numbers = 0, {}
    for category, names in parts.items():
        numbers[category] = _table(names, first)
        first += len(names)
    folder = root / images.root.name if (root / images.root.name).is_dir() else root
    find = partial(_files, folder, images, tuple(parts))
    annotated = np.array([index for index in range(len(images)) if find(index)], dtype=np.int64)
    if not len(annotated):
        example = _file(folder, images.paths[0], next(iter(parts)))
        raise ImageFolderError(
            f"{root}: none of the {len(images)} images in {images.root} has a mask here. "
            f"Expected files such as {example}."
        )
    return Masks(
        root=root,
        images=images,
        names=tuple(name for names in parts.values() for name in names.values()),
        categories=tuple(category for category, names in parts.items() for _ in names),
        annotated=annotated,
        read=lambda index: [_read(path, category, numbers[category]) for category, path in find(index).items()],
    )


def masks_beside(images: ImageList) -> Path | None:
    """Return the folder `masks` with a `parts.json` beside or in the folder of some pictures; None if there is none."""
    for folder in (images.root.parent / "masks", images.root / "masks"):
        if (folder / PARTS).is_file():
            return folder
    return None


def _file(folder: Path, path: str, category: str) -> Path:
    picture = PurePosixPath(path)
    return folder / picture.parent / f"{picture.stem}-{category}.png"


def _files(folder: Path, images: ImageList, categories: tuple[str, ...], index: int) -> dict[str, Path]:
    """Return the picture's mask for each category that has one."""
    files = {category: _file(folder, images.paths[index], category) for category in categories}
    return {category: file for category, file in files.items() if file.is_file()}


def _table(names: dict[int, str], first: int) -> np.ndarray:
    """Return the concept of each number: `NONE` for 0, and `NONE` - 1 for numbers without a part."""
    table = np.full(max(names) + 1, NONE - 1, dtype=np.int32)
    table[0] = NONE
    for place, number in enumerate(names):
        table[number] = first + place
    return table


def _read(path: Path, category: str, table: np.ndarray) -> np.ndarray:
    numbers = open_mask(path)
    if numbers.ndim != 2 or numbers.dtype.kind not in "biu":
        raise ImageFolderError(
            f"{path}: expected an image of one number a pixel (palette or grey), found a colour image. "
            f"Save the numbers of {PARTS} as pixel values."
        )
    numbers = numbers.astype(np.int64)
    found = table[np.minimum(numbers, len(table) - 1)]
    wrong = (found < NONE) | (numbers >= len(table))
    if wrong.any():
        raise ImageFolderError(
            f"{path}: the number {int(numbers[wrong][0])} stands for no part of the category {category!r}. "
            f"Add it to {PARTS}, or use 0 for pixels without a part."
        )
    return found


# parts.json


def _read_parts(path: Path) -> dict[str, dict[int, str]]:
    """Return the name of each number in each category, in the order of the file."""
    expected = 'Expected a JSON object such as {"colour": {"1": "red", "2": "blue"}}'
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ImageFolderError(f"{path}: this list of parts cannot be read ({error.strerror}). {expected}.") from error
    except ValueError as error:
        raise ImageFolderError(f"{path}: this is not JSON ({error}). {expected}.") from error
    if not isinstance(found, dict) or not found:
        raise ImageFolderError(f"{path}: there is no category in it. {expected}.")
    return {category: _numbered(path, category, names) for category, names in found.items()}


def _numbered(path: Path, category: str, names: object) -> dict[int, str]:
    expected = f"Expected numbers from 1 to {_LARGEST} with a name each"
    if not isinstance(names, dict) or not names:
        raise ImageFolderError(f"{path}: the category {category!r} has no parts. {expected}.")
    for number, name in names.items():
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= _LARGEST and isinstance(name, str)):
            raise ImageFolderError(
                f"{path}: in the category {category!r}, {number!r}: {name!r} is not a part. {expected}."
            )
    return {int(number): name for number, name in names.items()}
