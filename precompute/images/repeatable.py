"""Whether a file gives the same input every time: a store holds one answer for each image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from precompute.errors import ModelError
from precompute.images.decoding import UnreadablePicture
from precompute.images.folder import ImageList
from precompute.images.loading import Transform, apply_transform

_TIMES = 4


def refuse_random(images: ImageList, transform: Transform, positions: Sequence[int]) -> None:
    """Load and transform some files a few times each, and refuse what gives two results for one file.

    Parameters
    ----------
    images : ImageList
        The images.
    transform : callable
        The network's preprocessing.
    positions : sequence of int
        Of images that can be read. A flip by the toss of a coin goes unseen in one of eight images, in eight of them
        once in 17 million.

    Raises
    ------
    ModelError
        Where it is random; the message names the step, where the transform is a chain of steps.
    """
    for position in positions:
        path = images.root / images.paths[position]
        loaded = [_loaded(images, path) for _ in range(_TIMES)]
        inputs = [apply_transform(transform, each, str(path)) for each in loaded]
        if _all_same(loaded) and _all_same(inputs):
            continue
        raise ModelError(
            f"{path}: loaded and transformed {_TIMES} times, this file gives different inputs "
            f"({_culprit(transform, loaded)}). A network is looked at with the preprocessing of its tests: leave out "
            "what is random, such as RandomResizedCrop (Resize and CenterCrop in its place) or RandomHorizontalFlip."
        )


def _loaded(images: ImageList, path: Path) -> Any:
    try:
        return images.load(path)
    except UnreadablePicture as error:
        raise ModelError(f"{path}: this file could be loaded at first, and then not: {error}.") from error


def _culprit(transform: Any, loaded: list[Any]) -> str:
    """Name what is random: the loader, or a step of the transform."""
    if not _all_same(loaded):
        return "by the loader"
    value = loaded[0]
    for step in getattr(transform, "transforms", ()):
        found = [step(value) for _ in range(_TIMES)]
        if not _all_same(found):
            return f"by {type(step).__name__} of the transform"
        value = found[0]
    return "by the transform"


def _all_same(values: list[Any]) -> bool:
    """Say whether values are alike in every number. What is neither array nor picture is taken for alike."""
    arrays = [_as_array(value) for value in values]
    return all(_alike(arrays[0], other) for other in arrays[1:])


def _as_array(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.numpy(force=True)
    return np.asarray(value) if isinstance(value, Image.Image) else value


def _alike(one: Any, other: Any) -> bool:
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return True
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
