"""From a file to an upright RGB picture, or a short reason why not."""

import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError


class UnreadablePicture(OSError):
    """A file is no picture that can be decoded; the message is a short reason without the file's name."""


def open_picture(path: str | Path) -> Image.Image:
    """Decode an image file the way a person sees it.

    Parameters
    ----------
    path : str or Path
        A file in any format that Pillow reads; of several frames the first counts.

    Returns
    -------
    Image.Image
        In mode RGB and upright: EXIF orientation is applied, transparent parts lie on white, and 16-bit grey is
        scaled down, not cut off.

    Raises
    ------
    UnreadablePicture
        If the file is missing, empty, no image, truncated, damaged, too large to be decoded safely, or of pixels
        whose range cannot be known (floating point).
    """
    # What Pillow remarks about odd metadata would break into the progress bar.
    with warnings.catch_warnings(action="ignore"):
        try:
            with Image.open(path) as picture:
                picture.load()
                return _to_rgb(_upright(picture))
        # Pillow's decoders raise errors of nearly every kind on damaged files.
        except Exception as error:
            raise UnreadablePicture(_reason(error, Path(path))) from error


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except Exception:  # Damaged EXIF says nothing about the pixels.
        return picture


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "F":
        raise UnreadablePicture("its pixels are floating-point numbers of unknown range")
    if picture.mode.startswith("I"):
        # Pillow's own conversion cuts off at 255, which turns 16-bit pictures white.
        grey = np.clip(np.asarray(picture, dtype=np.float64) / 257, 0, 255)
        return Image.fromarray(grey.round().astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture.convert("RGBA")).convert("RGB")


def _reason(error: Exception, path: Path) -> str:
    match error:
        case UnreadablePicture():
            return str(error)
        case FileNotFoundError():
            return "there is no such file"
        case Image.DecompressionBombError():
            return "it has more pixels than is safe to decode"
        case UnidentifiedImageError():
            return "not an image in a known format" if path.stat().st_size else "the file is empty"
        case OSError(strerror=str(message)):
            return message
    lines = str(error).splitlines()
    return f"it cannot be decoded: {lines[0] if lines else type(error).__name__}"
