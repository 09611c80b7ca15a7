"""From a file to an upright RGB picture, or a short reason why not."""

import stat
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageColor, ImageOps, UnidentifiedImageError

from precompute.errors import OptionError
from precompute.images.deep_grey import WHITE_OF_16_BITS, Depth, UnknownWhite, eight_bits, refuse_dark_colours

FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "GIF", "BMP", "PPM", "JPEG2000", "AVIF", "ICO", "TGA")
"""The formats that are decoded: pictures of pixels. Pillow knows more, and hands one of them, EPS, to a program."""

DEFAULT_MEGAPIXELS = 100.0

_TURNED = range(5, 9)


class UnreadablePicture(OSError):
    """A file is no picture that can be decoded; the message is a short reason without the file's name."""


@dataclass(frozen=True)
class Decoding:
    """What decides how an image file becomes a picture.

    Parameters
    ----------
    background
        (red, green, blue) from 0 to 255 that transparent parts lie on; None to drop transparency, as torchvision does:
        then the network sees the colours that the file holds under it.
    white
        The value that is white in grey of more than 8 bits, where the file does not say it; None where nobody did.
    full_16_bits
        Whether 65535 is known to be white in files of 16 bits.
    max_megapixels
        Pictures of more million pixels are not decoded.
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
        """Take what a person wrote.

        Raises
        ------
        OptionError
            Where the background is no colour, or another value cannot be.
        """
        laid_on = None if background is None else colour(background)
        limit = DEFAULT_MEGAPIXELS if max_megapixels is None else max_megapixels
        return cls(laid_on, white, max_megapixels=limit)

    @classmethod
    def recorded(cls, record: Mapping[str, Any] | None) -> "Decoding":
        """Return what a store says; a store that says nothing laid pictures on white and took 16 bits in full."""
        if record is None:
            return cls((255, 255, 255), full_16_bits=True)
        background = record["background"]
        return cls(**{**record, "background": None if background is None else tuple(background)})

    def white_in(self, depth: Depth) -> float | None:
        """Return the value that is white in a file; None where that is not known."""
        if depth.white is not None:
            return depth.white
        return WHITE_OF_16_BITS if self.white is None and self.full_16_bits and depth.sixteen_bits else self.white

    def record(self) -> dict[str, Any]:
        """Return what a store keeps of it."""
        return asdict(self)


def colour(words: str) -> tuple[int, int, int]:
    """Return (red, green, blue) of a colour in words.

    Raises
    ------
    OptionError
        Where that is no colour, or one with transparency.
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
    """Decode an image file the way a person sees it.

    Parameters
    ----------
    path : str or Path
        A file in one of `FORMATS`; of several frames the first counts.
    decoding : Decoding
        What to do about transparency and deep grey, and how large a picture may be.

    Returns
    -------
    Image.Image
        In mode RGB and upright: EXIF orientation is applied, and grey of more than 8 bits is scaled down, not cut off.

    Raises
    ------
    UnreadablePicture
        If the file is missing, empty, no image, truncated, damaged, too large, no regular file (a pipe would block), or
        of pixels whose range is not certain.
    """
    # What Pillow remarks about odd metadata would break into the progress bar.
    with warnings.catch_warnings(action="ignore"), limited(decoding):
        try:
            with opened(path) as picture:
                depth = Depth.of(picture)
                picture.load()
                _turn_upright(picture)
                return _to_rgb(picture, depth, decoding)
        # Pillow's decoders raise errors of nearly every kind on damaged files.
        except Exception as error:
            raise UnreadablePicture(_reason(error, Path(path), decoding)) from error


def opened(path: str | Path) -> Image.Image:
    """Open an image file without decoding it.

    Raises
    ------
    Exception
        Of nearly every kind, where that cannot be.
    """
    refuse_irregular(path)
    return Image.open(path, formats=FORMATS)


def refuse_irregular(path: str | Path) -> None:
    """Refuse what is no file of bytes: whoever opens a pipe or a terminal may wait for ever.

    Raises
    ------
    OSError
        Where the path, or what it leads to, is no regular file.
    """
    mode = Path(path).stat().st_mode
    if not stat.S_ISREG(mode):
        kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
        raise UnreadablePicture(f"this is {kinds.get(stat.S_IFMT(mode), 'a device')}, not a file")


def picture_size(path: str | Path, decoding: Decoding = Decoding()) -> tuple[int, int]:  # noqa: B008
    """Return the width and height that a file's header gives, the way a person sees it: EXIF orientation is applied.

    Raises
    ------
    UnreadablePicture
        If the file is no image, or too large.
    """
    with warnings.catch_warnings(action="ignore"), limited(decoding):
        try:
            with opened(path) as picture:
                turned = _orientation(picture) in _TURNED
                return picture.size[::-1] if turned else picture.size
        except Exception as error:
            raise UnreadablePicture(_reason(error, Path(path), decoding)) from error


@contextmanager
def limited(decoding: Decoding) -> Iterator[None]:
    """Let Pillow refuse larger pictures, also those that a file's header hides. It does so at twice its limit."""
    usual = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = decoding.max_megapixels * 1e6 / 2  # type: ignore[assignment]
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = usual


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
    """Bring a decoded picture to RGB. It is not copied where it is that: large ones take hundreds of megabytes."""
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


def _reason(error: Exception, path: Path, decoding: Decoding) -> str:
    match error:
        case UnreadablePicture() | UnknownWhite():
            return str(error)
        case FileNotFoundError():
            return "there is no such file"
        case Image.DecompressionBombError():
            return f"it has more than {decoding.max_megapixels:g} megapixels, the limit of --max-megapixels"
        case UnidentifiedImageError():
            return "not an image in a known format" if path.stat().st_size else "the file is empty"
        case OSError(strerror=str(message)):
            return message
    lines = str(error).splitlines()
    return f"it cannot be decoded: {lines[0] if lines else type(error).__name__}"
