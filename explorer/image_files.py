"""Pictures of images without a picture in the store, read from their files if these still exist."""

import io
from pathlib import Path

from PIL import Image, ImageOps

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")
_QUALITY, _MOST_PIXELS = 88, 100_000_000


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
            if opened.width * opened.height > _MOST_PIXELS:
                return b""
            opened.draft("RGB", (side, side))
            ImageOps.exif_transpose(opened, in_place=True)
            picture = opened if opened.mode == "RGB" else opened.convert("RGB")
            picture.thumbnail((side, side))
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=_QUALITY)
    # Pillow raises errors of nearly every kind on damaged files; a link that leads to itself is a RuntimeError.
    except Exception:
        return b""
    return buffer.getvalue()
