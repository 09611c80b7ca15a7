"""The survey: some files are opened before a run, for what the user must know about them and how to decode them."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from precompute.errors import ImageFolderError, OptionError
from precompute.images.decoding import Decoding, limited, undecoded
from precompute.images.deep_grey import WHITE_OF_16_BITS, Depth, brightest
from precompute.images.folder import ImageList
from precompute.images.loader import Load, Loader, load_by
from precompute.measures.evenly_spread import evenly_spread

_LOOKED_AT = 64
_ALMOST_BLACK = 1 / 8


@dataclass(frozen=True)
class FileSurvey:
    """The result of a survey.

    Parameters
    ----------
    load : Load
        What loads the files, with what the survey has found out about them.
    conditions : tuple of str
        What the user must know about the files, one sentence each.
    """

    load: Load
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Seen:
    """What one file holds: frames, transparency, grey whose white is not certain, and its brightest pixel."""

    frames: bool
    transparent: bool
    uncertain: bool
    brightest: float


def survey_files(lists: Sequence[ImageList], loader: Loader | None, decoding: Decoding) -> FileSurvey:
    """Open some files of each list, spread evenly over it.

    Files of 16 bits are decoded too: if no pixel of any of them is in the upper half of the range, they probably hold
    numbers of fewer bits, and the file does not say which value is white.

    Parameters
    ----------
    lists : sequence of ImageList
        The images of a run, and its training images.
    loader : callable, optional
        The user's own loader; its files are not opened.
    decoding : Decoding
        The decoding that the options ask for.

    Raises
    ------
    ImageFolderError
        If the value of white is not certain and the user did not give it.
    OptionError
        If the options ask for a decoding that the user's own loader does not use.
    """
    if loader is not None:
        if decoding != Decoding():
            raise OptionError(
                "--background, --white and --max-megapixels are about image files, but the function of MODEL returns a "
                "loader of its own, which reads the files. Leave these options out, and let the loader do this work."
            )
        return FileSurvey(load_by(loader, decoding))
    seen = [found for images in lists for found in _look(images, decoding)]
    deep = [found.brightest for found in seen if found.uncertain]
    settled = decoding
    if deep and decoding.white is None:
        _refuse_dark(lists[0].root, max(deep), len(deep), len(seen))
        settled = replace(decoding, full_16_bits=True)
    return FileSurvey(load_by(None, settled), tuple(_conditions(seen, deep, settled)))


def _look(images: ImageList, decoding: Decoding) -> Iterator[_Seen]:
    for position in evenly_spread(len(images), _LOOKED_AT):
        path = images.paths[position]
        found = None if path in images.left_out else _looked(images.root / path, decoding)
        if found is not None:
            yield found


def _looked(path: Path, decoding: Decoding) -> _Seen | None:
    """Open a file; None if it is not a picture, which the run reports when it reads the file."""
    with warnings.catch_warnings(action="ignore"), limited(decoding):
        try:
            with undecoded(path) as picture:
                depth = Depth.of(picture)
                uncertain = depth.sixteen_bits and depth.white is None
                found = brightest(picture, depth) if uncertain else 0.0
                return _Seen(bool(getattr(picture, "is_animated", False)), _is_transparent(picture), uncertain, found)
        except Exception:
            return None


def _is_transparent(picture: Image.Image) -> bool:
    """Say whether any part of a picture is transparent; an alpha channel alone does not mean that."""
    if picture.has_transparency_data and "A" in picture.getbands():  # the A of LAB is a colour
        return int(np.asarray(picture.getchannel("A")).min()) < 255
    return picture.has_transparency_data


def _refuse_dark(root: Path, found: float, n: int, n_seen: int) -> None:
    if found <= WHITE_OF_16_BITS / 2:
        raise ImageFolderError(
            f"{root}: {n} of the {n_seen} files opened first have 16 bits per pixel, and their brightest pixel is "
            f"{found:.0f} of 65535. Numbers of fewer bits would arrive nearly black. Say with --white N which value is "
            "white: 4095 for 12 bits, 65535 if the pictures are just dark. Or let MODEL's function return your own "
            "loader."
        )


def _conditions(seen: Sequence[_Seen], deep: Sequence[float], decoding: Decoding) -> Iterator[str]:
    if deep:
        white, found = decoding.white or WHITE_OF_16_BITS, max(deep)
        sentence = (
            f"{len(deep)} of the {len(seen)} files opened first have 16 bits per pixel. {white:g} is taken as white, "
            f"and their brightest pixel is {found:.0f}"
        )
        if found > white:
            sentence += ", so everything brighter than that arrives white"
        elif found < _ALMOST_BLACK * white:
            sentence += ", so they arrive nearly black"
        yield sentence + "."
    transparent = sum(found.transparent for found in seen)
    if transparent and decoding.background is None:
        yield (
            f"{transparent} of the {len(seen)} files opened first have transparent parts. The network sees the colours "
            "hidden there, as with torchvision's loader; --background COLOUR shows a colour behind them instead."
        )
    frames = sum(found.frames for found in seen)
    if frames:
        yield f"{frames} of the {len(seen)} files opened first hold several frames or pages; the run takes the first."
