"""Thumbnails in a store: one run of bytes, and where each ends in it."""

from collections.abc import Iterable

import numpy as np

from precompute.store.train_writer import Writer

_BLOCK = 32 * 1024
"""Bytes of a chunk: a picture is read with one or two of them."""


def write_pictures(writer: Writer, n_images: int, pictures: Iterable[tuple[int, bytes]]) -> None:
    """Write the thumbnails of some images.

    Parameters
    ----------
    writer : Writer
        Of the store.
    n_images : int
        How many images there are (N).
    pictures : iterable of (int, bytes)
        Image and JPEG, in order of image. Those that are not named have none.
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
