"""Thumbnails in a store: all JPEGs in one run of bytes, and where each one ends."""

from collections.abc import Iterable

import numpy as np

from precompute.store.train_writer import Writer

_BLOCK = 32 * 1024
"""Bytes of a chunk; a picture lies in one or two chunks."""


def write_pictures(writer: Writer, n_images: int, pictures: Iterable[tuple[int, bytes]]) -> None:
    """Write the thumbnails of some images.

    Parameters
    ----------
    writer : Writer
        The writer of the store.
    n_images : int
        How many images there are (N).
    pictures : iterable of (int, bytes)
        Image and JPEG, in order of image. Images that are not named get no thumbnail.
    """
    held = writer.create("/images/thumbnail", (0,), growing=_BLOCK)
    length, pending = np.zeros(n_images, dtype=np.int64), bytearray()

    def flush(n: int) -> None:
        if n:
            start = len(held)
            held.resize((start + n,))
            held[start:] = np.frombuffer(bytes(pending[:n]), dtype=np.uint8)
            del pending[:n]

    for image, picture in pictures:
        length[image] = len(picture)
        pending += picture
        flush(len(pending) // _BLOCK * _BLOCK)
    flush(len(pending))
    writer.write("/images/thumbnail_end", np.cumsum(length))
