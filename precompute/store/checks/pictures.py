"""Checks of pictures: each image in a list has one, and each picture is a small JPEG that can be decoded."""

import io
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import h5py
import numpy as np
from PIL import Image

from precompute.store.checks.form import has_older_pictures
from precompute.store.checks.rules import Problem, Rule, instances
from precompute.store.schema import MAX_THUMBNAIL_BYTES, MAX_THUMBNAIL_SIDE

_PICTURES = ("/images/thumbnail", "/images/thumbnail_end")


def rule(file: h5py.File) -> Rule:
    """Return the rule that every image shown in any list has a picture, and that all pictures are sound."""
    lists = instances(file, "/layers/<layer>/exemplar/<kind>/image")
    return Rule((*_PICTURES, "/images/path", *lists), partial(_problems, file, lists))


def _problems(file: h5py.File, lists: list[str]) -> Iterator[Problem]:
    held = _older(file) if has_older_pictures(file) else _one_run(file)
    if held is None:
        yield Problem("/images/thumbnail_end", "expected edges that rise from 0 to the number of bytes")
        return
    shown = np.unique(np.concatenate([np.zeros(0, int), *(file[path][...].ravel() for path in lists)]))
    n_images = len(file["/images/path"])
    n_empty = sum(0 <= image < n_images and held(int(image), 1) == b"" for image in shown)
    if n_empty:
        yield Problem("/images/thumbnail", f"{n_empty} images that the exemplar lists show have no picture")
    # One byte more than allowed is enough to know that there are too many.
    faults = Counter(_fault(held(image, MAX_THUMBNAIL_BYTES + 1)) for image in range(n_images))
    for fault, count in faults.items():
        if fault:
            yield Problem("/images/thumbnail", f"{count} pictures {fault}")


def _fault(jpeg: bytes) -> str:
    """Say what is wrong with a picture; nothing where it is sound, or absent."""
    if not jpeg:
        return ""
    if len(jpeg) > MAX_THUMBNAIL_BYTES:
        return f"have more than {MAX_THUMBNAIL_BYTES} bytes"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures; the size is checked before decoding
            picture = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
            if max(picture.size) > MAX_THUMBNAIL_SIDE:
                return f"are more than {MAX_THUMBNAIL_SIDE} pixels wide or high"
            picture.load()
    except MemoryError:
        raise
    except Exception:  # Pillow raises whatever its decoders stumble over
        return "are not a JPEG that can be decoded"
    return ""


def _older(file: h5py.File) -> Callable[[int, int], bytes]:
    thumbnail = file["/images/thumbnail"]
    return lambda image, most: thumbnail[image][:most].tobytes()


def _one_run(file: h5py.File) -> Callable[[int, int], bytes] | None:
    """Return a function that reads at most a number of bytes of a picture; None where the edges are impossible."""
    thumbnail, edges = file["/images/thumbnail"], np.r_[0, file["/images/thumbnail_end"][...]]
    if edges[-1] != len(thumbnail) or (np.diff(edges) < 0).any():
        return None
    return lambda image, most: thumbnail[edges[image] : min(edges[image + 1], edges[image] + most)].tobytes()
