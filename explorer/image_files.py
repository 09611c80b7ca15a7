"""Pictures of images without a picture in the store, read from their files if these still exist."""

import io
from pathlib import Path

from PIL import Image, ImageOps

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
_QUALITY = 88


def read_picture(root: str, path: str, side: int) -> bytes:
    """Read an image file and make it small.

    Parameters
    ----------
    root, path : str
        The image folder, and the image's path in it. Files outside the folder are not read.
    side : int
        The most pixels a side.

    Returns
    -------
    bytes
        A JPEG; empty where the file does not exist or cannot be read as an image.
    """
    try:
        folder = Path(root).resolve()
        file = (folder / path).resolve()
        if not (file.is_relative_to(folder) and file.is_file()):
            return b""
        with Image.open(file, formats=_FORMATS) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
        picture.thumbnail((side, side))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return b""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
