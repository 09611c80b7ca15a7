"""Uploaded pictures: which files are accepted."""

from precompute.errors import ImageFolderError

MOST_BYTES = 5 * 2**20
ENDINGS = ("png", "jpg", "jpeg", "webp")


def suffix_of(upload: bytes) -> str:
    """Return the file ending that a picture's first bytes stand for.

    Raises
    ------
    ImageFolderError
        Where they are not those of a PNG, JPEG or WebP file, or the file has more than 5 MB.
    """
    if len(upload) > MOST_BYTES:
        raise ImageFolderError(f"The picture has more than {MOST_BYTES // 2**20} MB. Choose a smaller one.")
    if upload.startswith(b"\x89PNG\r\n\x1a\n"):
        return ".png"
    if upload.startswith(b"\xff\xd8\xff"):
        return ".jpg"
    if upload.startswith(b"RIFF") and upload[8:12] == b"WEBP":
        return ".webp"
    raise ImageFolderError("The file is not a PNG, JPEG or WebP picture. Choose one that is.")
