"""From an image file to an upright RGB picture, or a short reason why it cannot be decoded."""

import stat
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageColor, ImageOps, UnidentifiedImageError

from precompute.errors import OptionError
from precompute.images.deep_grey import WHITE_OF_16_BITS, Depth, eight_bits, refuse_dark_colours
from precompute.images.unreadable import UnreadablePicture

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "JPEG2000", "AVIF", "ICO", "TGA")
"""The formats that are decoded: pictures made of pixels. Pillow knows others; for one, EPS, it runs a program."""

DEFAULT_MEGAPIXELS = 100.0

_TURNED = range(5, 9)
# What stands at the beginning of files that are taken for pictures, in small letters.
_FOREIGN = {
    b"<!doctype html": "a web page: the download failed",
    b"<html": "a web page: the download failed",
    b"<svg": "a drawing (SVG)",
    b"version https://git-lfs": "what Git LFS left in its place; git lfs pull fetches it",
    b"ftyphei": "HEIC; turn it into JPEG or PNG",
    b"ftypmif1": "HEIC; turn it into JPEG or PNG",
    b"8bps": "a file of Photoshop",
}


@dataclass(frozen=True)
class Decoding:
    """How an image file becomes a picture.

    Parameters
    ----------
    background
        (red, green, blue) from 0 to 255: the colour behind transparent parts. None drops transparency, as torchvision
        does; the network then sees the colours that the file holds in transparent parts.
    white
        The value of white in grey of more than 8 bits, for files that do not say it; None if the user gave none.
    full_16_bits
        Whether 65535 is known to be white in files of 16 bits.
    max_megapixels
        Pictures with more million pixels are not decoded.
    """

    background: tuple[int, int, int] | None = None
    white: float | None = None
    full_16_bits: bool = False
    max_megapixels: float = DEFAULT_MEGAPIXELS

    def __post_init__(self) -> None:
        if self.white is not None and not 0 < self.white < float("inf"):
            raise OptionError(f"--white must be above 0, the value of a white pixel, but it is {self.white:g}.")
        if not 0 < self.max_megapixels < float("inf"):
            raise OptionError(f"--max-megapixels must be above 0, but it is {self.max_megapixels:g}.")

    @classmethod
    def asked(cls, background: str | None, white: float | None, max_megapixels: float | None) -> "Decoding":
        """Return the decoding that the options of the command line ask for; None stands for the default.

        Raises
        ------
        OptionError
            If the background is not a colour, or a number is out of its range.
        """
        laid_on = None if background is None else colour(background)
        limit = DEFAULT_MEGAPIXELS if max_megapixels is None else max_megapixels
        return cls(laid_on, white, max_megapixels=limit)

    @classmethod
    def recorded(cls, record: Mapping[str, Any] | None) -> "Decoding":
        """Return the decoding that a store records. A store without a record used white and the full 16 bits."""
        if record is None:
            return cls((255, 255, 255), full_16_bits=True)
        background = record["background"]
        return cls(**{**record, "background": None if background is None else tuple(background)})

    def white_in(self, depth: Depth) -> float | None:
        """Return the value of white in a file; None if it is not known."""
        if depth.white is not None:
            return depth.white
        return WHITE_OF_16_BITS if self.white is None and self.full_16_bits and depth.sixteen_bits else self.white

    def record(self) -> dict[str, Any]:
        """Return the record of this decoding for the store."""
        return asdict(self)


def colour(words: str) -> tuple[int, int, int]:
    """Return (red, green, blue) of a colour's name or code.

    Raises
    ------
    OptionError
        If the words are not a colour, or a colour with transparency.
    """
    expected = OptionError(f"--background {words}: expected a colour without transparency, such as white or #808080.")
    try:
        found = ImageColor.getrgb(words)
    except ValueError as error:
        raise expected from error
    if len(found) != 3:
        raise expected
    return found


def open_picture(path: str | Path, decoding: Decoding = Decoding()) -> Image.Image:  # noqa: B008  it is frozen
    """Decode an image file to the picture that an image viewer shows.

    Parameters
    ----------
    path : str or Path
        A file in one of `FORMATS`; if it has several frames, the first one is decoded.
    decoding : Decoding
        What to do with transparency and with grey of more than 8 bits, and how large a picture may be.

    Returns
    -------
    Image.Image
        In mode RGB and upright: EXIF orientation is applied, and grey of more than 8 bits is scaled down, not cut off.

    Raises
    ------
    UnreadablePicture
        If the file is missing, empty, no image, truncated, damaged, too large, not a regular file (a pipe would block),
        or the range of its pixels is not certain.
    """
    # Pillow's warnings about odd metadata would be printed across the progress bar.
    with warnings.catch_warnings(action="ignore"), limited(decoding):
        try:
            with undecoded(path) as picture:
                depth = Depth.of(picture)
                picture.load()
                _turn_upright(picture)
                return _to_rgb(picture, depth, decoding)
        except UnreadablePicture:
            raise
        # Pillow's decoders raise errors of nearly every kind on damaged files.
        except Exception as error:
            raise _unreadable(error, Path(path), decoding) from error


def undecoded(path: str | Path) -> Image.Image:
    """Open an image file without decoding it.

    Raises
    ------
    Exception
        Of nearly any type, if the file cannot be opened as an image.
    """
    refuse_irregular(path)
    return Image.open(path, formats=FORMATS)


def refuse_irregular(path: str | Path) -> None:
    """Refuse a path that is not a regular file: a program that opens a pipe or a terminal may wait for ever.

    Raises
    ------
    OSError
        If the path, or what it links to, is missing or is not a regular file.
    """
    mode = Path(path).stat().st_mode
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise UnreadablePicture(f"this is {kinds.get(stat.S_IFMT(mode), 'a device')}, not a file")


def picture_size(path: str | Path, decoding: Decoding = Decoding()) -> tuple[int, int]:  # noqa: B008
    """Return the width and height that the header of a file gives, after EXIF orientation is applied.

    Raises
    ------
    UnreadablePicture
        If the file is not an image, or too large.
    """
    with warnings.catch_warnings(action="ignore"), limited(decoding):
        try:
            with undecoded(path) as picture:
                # The size that Pillow gives of a TIFF is that of the upright picture already.
                turned = picture.format != "TIFF" and _orientation(picture) in _TURNED
                return picture.size[::-1] if turned else picture.size
        except UnreadablePicture:
            raise
        except Exception as error:
            raise _unreadable(error, Path(path), decoding) from error


@contextmanager
def limited(decoding: Decoding) -> Iterator[None]:
    """Let Pillow refuse pictures above the limit, even if the header hides their size; it does so at twice its own."""
    usual = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = decoding.max_megapixels * 1e6 / 2  # type: ignore[assignment]
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = usual


@contextmanager
def resizing_limited(decoding: Decoding) -> Iterator[None]:
    """Refuse, before it takes the memory, to resize a picture to more pixels than the limit.

    A resize of the shorter side makes 256 x 2,560,000 pixels of a picture of 1 x 10,000.

    Raises
    ------
    UnreadablePicture
        If Pillow is asked for such a picture inside the block.
    """
    usual = Image.Image.resize

    def resize(picture: Image.Image, size: tuple[int, int], *options: Any, **named: Any) -> Image.Image:
        width, height = size
        if width * height > decoding.max_megapixels * 1e6:
            longer, shorter = max(picture.size), min(picture.size)
            raise UnreadablePicture(
                f"its longer side is {longer / shorter:,.0f} times its shorter one, and the transform would resize it "
                f"from {picture.width:,} x {picture.height:,} to {width:,} x {height:,} pixels, above the limit of "
                f"{decoding.max_megapixels:g} megapixels",
                "crop it, let the transform resize both sides to fixed numbers, or give --max-megapixels",
            )
        return usual(picture, size, *options, **named)

    Image.Image.resize = resize  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Image.Image.resize = usual  # type: ignore[method-assign]


def _orientation(picture: Image.Image) -> int | None:
    try:
        return picture.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Damaged EXIF says nothing about the pixels.
        return None


def _turn_upright(picture: Image.Image) -> None:
    try:
        ImageOps.exif_transpose(picture, in_place=True)
    except Exception:  # Damaged, as above.
        return


def _to_rgb(picture: Image.Image, depth: Depth, decoding: Decoding) -> Image.Image:
    """Return a decoded picture in RGB; one that is RGB already is not copied, since it may take hundreds of MB."""
    if depth.grey:
        return eight_bits(picture, depth, decoding.white_in(depth)).convert("RGB")
    if depth.sixteen_bits:
        refuse_dark_colours(picture, depth, decoding.white_in(depth))
    if decoding.background is None or not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    lying = Image.new("RGB", picture.size, decoding.background)
    on_top = picture.convert("RGBA")
    lying.paste(on_top, mask=on_top)
    return lying


def _foreign(path: Path) -> str:
    """Say what a file is that Pillow does not know, where its first bytes tell it."""
    with path.open("rb") as file:
        start = file.read(64)
    told = next((kind for mark, kind in _FOREIGN.items() if mark in start.lower()), None)
    return f"not an image in a known format{'' if told is None else f', but {told}'}"


def _unreadable(error: Exception, path: Path, decoding: Decoding) -> UnreadablePicture:
    """Say in our words what an error of Pillow means."""
    match error:
        case FileNotFoundError():
            return UnreadablePicture("there is no such file")
        case Image.DecompressionBombError():
            megapixels = f"it has more than {decoding.max_megapixels:g} megapixels"
            return UnreadablePicture(megapixels, "--max-megapixels raises the limit")
        case UnidentifiedImageError():
            return UnreadablePicture(_foreign(path) if path.stat().st_size else "the file is empty")
        case OSError(strerror=str(message)):
            return UnreadablePicture(message)
    lines = str(error).splitlines()
    return UnreadablePicture(f"it cannot be decoded: {lines[0] if lines else type(error).__name__}")
