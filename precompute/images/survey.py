"""A first look at some files before a run: what they hold that a person must know, and what that settles."""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from precompute.errors import ImageFolderError, OptionError
from precompute.images.decoding import Decoding, limited, opened
from precompute.images.deep_grey import WHITE_OF_16_BITS, Depth, brightest
from precompute.images.folder import ImageList
from precompute.images.loader import Load, Loader, load_by
from precompute.measures.spread import evenly_spread

_LOOKED_AT = 64
_ALMOST_BLACK = 1 / 8


@dataclass(frozen=True)
class FileSurvey:
    """What a first look found.

    Parameters
    ----------
    load : Load
        How to load the files, with what the look settled.
    conditions : tuple of str
        What a person must know of the files, a sentence each.
    """

    load: Load
    conditions: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Seen:
    """What one file holds."""

    frames: bool
    transparent: bool
    uncertain: bool
    brightest: float


def survey_files(lists: Sequence[ImageList], loader: Loader | None, decoding: Decoding) -> FileSurvey:
    """Look at some files of each list, spread evenly over it.

    Grey of 16 bits is decoded: where no pixel of it uses the upper half of the range, numbers of fewer bits are likely,
    and nobody can tell from the file which value is white.

    Parameters
    ----------
    lists : sequence of ImageList
        The images of a run, and its training images.
    loader : callable, optional
        A person's own; its files are not looked at.
    decoding : Decoding
        What was asked for.

    Raises
    ------
    ImageFolderError
        Where the value that is white is not certain and nobody said it.
    OptionError
        Where something was asked for that a person's own loader does not look at.
    """
    if loader is not None:
        if decoding != Decoding():
            raise OptionError(
                "--background, --white and --max-megapixels are about image files, but the function of MODEL returns a "
                "loader of its own, which reads the files. Leave them out, and let the loader do it."
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
    """Look at a file; None where it is no picture, which reading it will tell."""
    with warnings.catch_warnings(action="ignore"), limited(decoding):
        try:
            with opened(path) as picture:
                depth = Depth.of(picture)
                uncertain = depth.sixteen_bits and depth.white is None
                found = brightest(picture, depth) if uncertain else 0.0
                return _Seen(bool(getattr(picture, "is_animated", False)), _is_transparent(picture), uncertain, found)
        except Exception:
            return None


def _is_transparent(picture: Image.Image) -> bool:
    """Whether something of a picture is transparent: an alpha channel alone says little."""
    if "A" in picture.getbands():
        return int(np.asarray(picture.getchannel("A")).min()) < 255
    return picture.has_transparency_data


def _refuse_dark(root: Path, found: float, n: int, n_seen: int) -> None:
    if found <= WHITE_OF_16_BITS / 2:
        raise ImageFolderError(
            f"{root}: {n} of {n_seen} files looked at have 16 bits a pixel, the brightest of them {found:.0f} "
            "of 65535. Numbers of fewer bits would arrive nearly black. Say by --white N which value is white: 4095 "
            "for 12 bits, 65535 where the pictures are just dark. Or let MODEL's function return a loader of your own."
        )


def _conditions(seen: Sequence[_Seen], deep: Sequence[float], decoding: Decoding) -> Iterator[str]:
    if deep:
        white, found = decoding.white or WHITE_OF_16_BITS, max(deep)
        sentence = (
            f"{len(deep)} of the {len(seen)} files looked at have 16 bits a pixel; {white:g} is taken for white, their "
            f"brightest pixel is {found:.0f}"
        )
        if found > white:
            sentence += ", and all that is brighter than white arrives white"
        elif found < _ALMOST_BLACK * white:
            sentence += ", so they arrive nearly black"
        yield sentence + "."
    transparent = sum(found.transparent for found in seen)
    if transparent and decoding.background is None:
        yield (
            f"{transparent} of the {len(seen)} files looked at have transparent parts; the network sees the colours "
            "that lie hidden there, as torchvision's loader has it (--background COLOUR lays them on a colour)."
        )
    frames = sum(found.frames for found in seen)
    if frames:
        yield f"{frames} of the {len(seen)} files looked at hold several frames or pages; the first one counts."
