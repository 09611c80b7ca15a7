"""Loaders: from a file to what the transform receives, a picture or what the user's own loader returns.

A loader is a function of a file's path (a str) that returns anything: an array of bands, a slice of a volume.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from precompute.images.decoding import Decoding, open_picture, picture_size, refuse_irregular, resizing_limited
from precompute.images.unreadable import UnreadablePicture

Loader = Callable[[str], Any]


@dataclass(frozen=True)
class OwnLoader:
    """The user's own loader; any error that it raises becomes a short reason why a file cannot be read.

    Parameters
    ----------
    loader : callable
        From the path of a file to anything.
    """

    loader: Loader

    @property
    def decoding(self) -> Decoding:
        """The default decoding. The loader does not use it: it decodes in its own way."""
        return Decoding()

    def __call__(self, path: Path) -> Any:
        """Load a file.

        Raises
        ------
        UnreadablePicture
            If there is no such file, or the loader fails on it in any way.
        """
        try:
            refuse_irregular(path)
        except FileNotFoundError as error:
            raise UnreadablePicture("there is no such file") from error
        except UnreadablePicture:
            raise
        except OSError as error:
            raise UnreadablePicture(error.strerror or str(error)) from error
        try:
            return self.loader(str(path))
        except KeyboardInterrupt:
            raise
        # Any error of the user's code, SystemExit too, concerns only this file and must not end the run.
        except BaseException as error:
            lines = str(error).splitlines()
            raise UnreadablePicture(f"the loader failed: {': '.join([type(error).__name__, *lines[:1]])}") from error

    def size_of(self, path: Path) -> tuple[int, int] | None:
        """Return the width and height of the picture that the loader returns; None if that is not an RGB picture.

        Raises
        ------
        UnreadablePicture
            If the file cannot be loaded.
        """
        loaded = self(path)
        return loaded.size if isinstance(loaded, Image.Image) and loaded.mode == "RGB" else None

    def is_large(self, path: Path, *, among: int) -> bool:
        """Return False: it is not known how much memory the user's loader takes."""
        return False

    def bounding(self) -> AbstractContextManager[None]:
        """Return a block in which nothing is refused: the user's loader and transform bound their own memory."""
        return nullcontext()

    def record(self) -> None:
        """Return None: the loader is part of the network's file, so the store has nothing to record."""
        return


@dataclass(frozen=True)
class PictureLoader:
    """Decodes image files.

    Parameters
    ----------
    decoding : Decoding
        How to decode them.
    """

    decoding: Decoding = field(default_factory=Decoding)

    def __call__(self, path: Path) -> Any:
        """Open a picture: see :func:`precompute.images.decoding.open_picture`."""
        return open_picture(path, self.decoding)

    def size_of(self, path: Path) -> tuple[int, int]:
        """Return the width and height of an upright picture.

        Raises
        ------
        UnreadablePicture
            If the file cannot be decoded as a picture.
        """
        return picture_size(path, self.decoding)

    def is_large(self, path: Path, *, among: int) -> bool:
        """Say whether a picture takes more than its share of memory if `among` pictures are decoded at the same time.

        All shares together are the memory of one picture of the largest size.
        """
        try:
            width, height = self.size_of(path)
        except UnreadablePicture:
            return False
        return width * height * among > self.decoding.max_megapixels * 1e6

    def bounding(self) -> AbstractContextManager[None]:
        """Return a block in which the transform may make no picture above the limit; `UnreadablePicture` otherwise."""
        return resizing_limited(self.decoding)

    def record(self) -> dict[str, Any]:
        """Return the record of the decoding for the store."""
        return self.decoding.record()


Load = OwnLoader | PictureLoader


def load_by(loader: Loader | None, decoding: Decoding) -> Load:
    """Return what loads files: the user's own loader if there is one, otherwise the decoder of pictures."""
    return PictureLoader(decoding) if loader is None else OwnLoader(loader)
