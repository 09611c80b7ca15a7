"""A check that a file gives the same input every time, since a store holds one answer for each image."""

from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from PIL import Image

from precompute.errors import ModelError
from precompute.images.folder import ImageList
from precompute.images.loading import Transform, apply_transform
from precompute.images.unreadable import UnreadablePicture

_FILES = 4
_TIMES = 4
_PATIENCE_S = 5.0


def refuse_random(images: ImageList, transform: Transform, positions: Sequence[int]) -> None:
    """Load and transform a few files several times, and refuse a loader or transform that gives different results.

    If this takes long, it is done fewer times, but at least twice for the first file.

    Parameters
    ----------
    images : ImageList
        The images.
    transform : callable
        The network's preprocessing.
    positions : sequence of int
        Positions of images that can be read; the first few are used. A random flip goes unnoticed once in 4,096 times.

    Raises
    ------
    ModelError
        If the results differ. The message names the random step if the transform is a chain of steps.
    """
    deadline = perf_counter() + _PATIENCE_S
    times = max(_TIMES, _TIMES * _FILES // len(positions))
    for position in positions[:_FILES]:
        path = images.root / images.paths[position]
        first = _input(images, transform, path)
        # Only two results are held at a time, since pictures may be large.
        for _ in range(times - 1):
            if not _alike(first, _input(images, transform, path)):
                culprit = _culprit(images, transform, path)
                raise ModelError(
                    f"{path}: loaded and transformed twice, this file gives two different inputs ({culprit}). "
                    "Use the preprocessing with which the network is tested, without random steps such as "
                    "RandomResizedCrop (take Resize and CenterCrop instead) or RandomHorizontalFlip."
                )
            if perf_counter() > deadline:
                return


def _input(images: ImageList, transform: Transform, path: Path) -> np.ndarray:
    return apply_transform(transform, _loaded(images, path), str(path)).numpy()


def _loaded(images: ImageList, path: Path) -> Any:
    try:
        return images.load(path)
    except UnreadablePicture as error:
        raise ModelError(f"{path}: this file could be loaded at first, and cannot be loaded now: {error}.") from error


def _culprit(images: ImageList, transform: Any, path: Path) -> str:
    """Name the culprit: the loader, or a step of the transform."""
    value = _loaded(images, path)
    if any(not _alike(value, _loaded(images, path)) for _ in range(_TIMES)):
        return "by the loader"
    for step in getattr(transform, "transforms", ()):
        found = step(value)
        if any(not _alike(found, step(value)) for _ in range(_FILES * _TIMES)):
            return f"by {type(step).__name__} of the transform"
        value = found
    return "by the transform"


def _alike(one: Any, other: Any) -> bool:
    """Say whether two values hold the same numbers. Values that are neither arrays nor pictures count as alike."""
    one, other = _as_array(one), _as_array(other)
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return True
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")


def _as_array(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.numpy(force=True)
    return np.asarray(value) if isinstance(value, Image.Image) else value
