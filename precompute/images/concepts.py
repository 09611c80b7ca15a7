"""Masks that show concepts in pictures, in any layout of folders."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from precompute.errors import ImageFolderError
from precompute.images.decoding import undecoded
from precompute.images.folder import ImageList

NONE = -1
"""The value of a mask where it shows no concept."""


@dataclass(frozen=True, eq=False)
class Masks:
    """Concepts, and where they are in some pictures.

    Parameters
    ----------
    root : Path
        The folder that the masks come from.
    images : ImageList
        The pictures.
    names, categories : tuple of str
        For each concept its name, and the name of its category.
    annotated : np.ndarray
        Positions in `images` of the pictures that have a mask of any category.
    read : callable
        From a position in `images` to its masks: (height, width) integer arrays over the whole picture, of any size,
        whose values are indices of concepts, or `NONE`. Raises `ImageFolderError` if a mask is wrong.
    """

    root: Path
    images: ImageList
    names: tuple[str, ...]
    categories: tuple[str, ...]
    annotated: np.ndarray
    read: Callable[[int], list[np.ndarray]]

    @property
    def category_names(self) -> tuple[str, ...]:
        """Each category once, in the order of the concepts."""
        return tuple(dict.fromkeys(self.categories))

    @property
    def category(self) -> np.ndarray:
        """(concept,) index of each concept's category in `category_names`."""
        place = {name: index for index, name in enumerate(self.category_names)}
        return np.array([place[name] for name in self.categories], dtype=np.int64)


def open_mask(path: Path) -> np.ndarray:
    """Decode a mask: (height, width) of a palette or grey image, (height, width, channel) of a colour one.

    Raises
    ------
    ImageFolderError
        If the file cannot be decoded.
    """
    try:
        with undecoded(path) as picture:  # of any size that Pillow takes: masks may be larger than their pictures
            picture.load()
            return np.asarray(picture)
    # Pillow's decoders raise errors of nearly every kind on damaged files.
    except Exception as error:
        raise ImageFolderError(
            f"{path}: this mask cannot be read ({error}). Put a whole PNG file there, or remove it."
        ) from error
