"""From image files to inputs of the network, in worker processes.

A file that cannot be read is counted and skipped. A transform that fails ends the run: the network's preprocessing is
wrong, and would fail on the next image too.
"""

import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, get_worker_info

from precompute.errors import ImageFolderError, ModelError, UnitscopeError, reading_ended
from precompute.images.file_digests import UNKNOWN, read_once
from precompute.images.folder import ImageList
from precompute.images.unreadable import UnreadablePicture

Transform = Callable[[Any], torch.Tensor]


@dataclass(frozen=True, eq=False)
class Batch:
    """Images that are ready for the network.

    Parameters
    ----------
    indices : tuple of int
        The position of each image in the image list.
    inputs : torch.Tensor
        (image, channel, height, width) float32. If there are no images, the last three sizes are those of other
        batches, or 0 if none was read before.
    bad : tuple of (int, str)
        Position and reason for every image that could not be read; these are not among `indices`.
    files : tuple of (int, int)
        Position and digest of every file that was opened, whether it could be read as an image or not; see
        :mod:`precompute.images.file_digests`.
    """

    indices: tuple[int, ...]
    inputs: torch.Tensor
    bad: tuple[tuple[int, str], ...]
    files: tuple[tuple[int, int], ...] = ()


def apply_transform(transform: Transform, picture: Any, name: str) -> torch.Tensor:
    """Turn a picture into the network's input.

    Parameters
    ----------
    transform : callable
        The network's preprocessing.
    picture : Image.Image or anything
        In mode RGB; if the user brings a loader, what the loader returned.
    name : str
        The name of the picture in a message.

    Returns
    -------
    torch.Tensor
        (channel, height, width) float32, on the CPU.

    Raises
    ------
    ModelError
        If the transform fails, or gives anything but a (channel, height, width) tensor of floating-point numbers.
    UnreadablePicture
        If it would make a larger picture than the loader's `bounding` allows.
    """
    given = (
        "an RGB picture of PIL" if isinstance(picture, Image.Image) else f"what the loader returns ({_kind(picture)})"
    )
    expected = f"Expected a transform from {given} to a float tensor (channel, height, width)"
    try:
        inputs = transform(picture)
    except (KeyboardInterrupt, UnreadablePicture):
        raise
    # SystemExit too: otherwise a transform that raises it would end the program without a message.
    except BaseException as error:
        raise ModelError(
            f"{name}: the network's transform failed with {type(error).__name__}: {error}. {expected}."
        ) from error
    if not isinstance(inputs, torch.Tensor):
        raise ModelError(f"{name}: the network's transform gave a {type(inputs).__name__}. {expected}.")
    if inputs.ndim != 3 or not inputs.is_floating_point() or inputs.layout is not torch.strided or inputs.is_meta:
        kind = "" if inputs.layout is torch.strided else "sparse "
        found = f"{kind}{str(inputs.dtype).removeprefix('torch.')} tensor of shape {tuple(inputs.shape)}"
        missing = " without values" if inputs.is_meta else ""
        way = ""
        if not inputs.is_floating_point() and not inputs.is_complex():
            way = " If the network itself divides by 255, end the transform with .float(): the numbers stay the same."
        raise ModelError(f"{name}: the network's transform gave a {found}{missing}. {expected}.{way}")
    # The user's own kind of tensor could compute in its own way; everything here expects torch's.
    return inputs.detach().as_subclass(torch.Tensor).to("cpu", torch.float32)


def _kind(loaded: Any) -> str:
    shape = getattr(loaded, "shape", None)
    return type(loaded).__name__ + (f" of shape {tuple(shape)}" if isinstance(shape, tuple) else "")


def seen_size(images: ImageList, index: int) -> tuple[int, int] | None:
    """Return the width and height of a picture as the transform receives it.

    Parameters
    ----------
    images : ImageList
        The images to choose from.
    index : int
        Position of the picture.

    Returns
    -------
    (int, int) or None
        None if the transform does not receive an RGB picture.

    Raises
    ------
    ImageFolderError
        If the file cannot be read.
    """
    path = images.root / images.paths[index]
    try:
        return images.load.size_of(path)
    except UnreadablePicture as error:
        raise ImageFolderError(f"{path}: this image cannot be read ({error}).") from error


def read_batches(
    images: ImageList,
    transform: Transform,
    batches: Sequence[Sequence[int]],
    *,
    workers: int,
    like: tuple[str, tuple[int, ...]] | None = None,
) -> Iterator[Batch]:
    """Read images in worker processes, each image once.

    The workers end with the iterator, wherever it is stopped.

    Parameters
    ----------
    images : ImageList
        The images to choose from.
    transform : callable
        The network's preprocessing: RGB picture -> float tensor (channel, height, width).
    batches : sequence of sequences of int
        The positions in `images` of the images of each batch.
    workers : int
        The number of processes that decode beside this one; 0 decodes in this process, and so does any number if
        processes cannot be forked, since a transform may not survive being sent to a fresh process.
    like : (str, tuple of int), optional
        The name of images that were read before, for a message, and their (channel, height, width), which all images
        must have.

    Yields
    ------
    Batch
        One for each of `batches`, in order. Images that cannot be read are in its `bad`.

    Raises
    ------
    ImageFolderError
        If the transform does not bring all images to one size, or a file has changed since an earlier pass read it.
    ModelError
        If the transform fails, or does not give a tensor of the right kind.
    """
    sized = like
    workers = workers if _can_fork() else 0
    for gathered in _gathered(_Reader(images, transform, workers), batches, workers):
        if isinstance(gathered, UnitscopeError):
            raise gathered
        indices, inputs, bad, files = gathered
        if indices:
            found = (images.paths[indices[0]], tuple(inputs.shape[1:]))
            sized = sized or found
            if found[1] != sized[1]:
                raise _two_sizes(sized, found)
        elif sized:
            inputs = inputs.reshape(0, *sized[1])
        yield Batch(indices, torch.as_tensor(inputs), bad, files)


def default_workers(n_images: int, among: int = 1) -> int:
    """Return how many processes should decode images.

    Parameters
    ----------
    n_images : int
        The number of images to read.
    among : int
        The number of processes that read images at the same time, and share the cores.

    Returns
    -------
    int
        The smallest of: the cores of this process's share, one for every 50 images, and 8. 0 if more processes would
        not help.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores //= among
    return min(cores, n_images // 50, 8) if cores > 1 and _can_fork() else 0


def _can_fork() -> bool:
    # macOS can fork, but its system libraries crash in the child.
    return "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"


# What a worker sends: positions, inputs, unreadable images and files of a batch, or the error that ends reading.
_Gathered = (
    tuple[tuple[int, ...], torch.Tensor | np.ndarray, tuple[tuple[int, str], ...], tuple[tuple[int, int], ...]]
    | UnitscopeError
)
# Of one image: position, input or error, and the digest of its file.
_Read = tuple[int, torch.Tensor | Exception, int]


def _gathered(reader: "_Reader", batches: Sequence[Sequence[int]], workers: int) -> Iterator[_Gathered]:
    loader = DataLoader(
        reader,
        batch_sampler=[list(batch) for batch in batches],
        collate_fn=reader.gather,
        num_workers=workers,
        multiprocessing_context="fork" if workers else None,
        # With a generator of its own the loader does not use up the caller's random numbers.
        generator=torch.Generator(),
    )
    try:
        yield from loader
    except RuntimeError as error:
        ended = reading_ended(error)
        if ended is None:
            raise
        raise ended from error


class _Reader(Dataset[Any]):
    """Reads one image at a time. It returns errors as values: raised in a worker, they would lose their message."""

    def __init__(self, images: ImageList, transform: Transform, workers: int) -> None:
        self._images = images
        self._transform = transform
        self._workers = workers
        self._one_at_a_time = multiprocessing.get_context("fork").Lock() if workers > 1 else None

    def __getitem__(self, index: int) -> _Read:
        path = self._images.root / self._images.paths[index]
        reason = self._images.left_out.get(self._images.paths[index])
        if reason is not None:
            return index, UnreadablePicture(reason), UNKNOWN
        before = UNKNOWN if self._images.digests is None else int(self._images.digests[index])
        try:
            with self._turn(path), read_once(path, before) as digest:
                return index, self._input(path), digest
        except UnitscopeError as error:
            return index, error, UNKNOWN

    def _input(self, path: Path) -> torch.Tensor | Exception:
        try:
            with self._images.load.bounding():
                return apply_transform(self._transform, self._images.load(path), str(path))
        except (UnreadablePicture, ModelError) as error:
            return error

    def _turn(self, path: Path) -> AbstractContextManager[Any]:
        """Let only one large picture be decoded at a time, so that all together take no more memory than two do."""
        if self._one_at_a_time is None or not self._images.load.is_large(path, among=self._workers):
            return nullcontext()
        return self._one_at_a_time

    def gather(self, read: list[_Read]) -> _Gathered:
        failures = (found for _, found, _ in read if isinstance(found, UnitscopeError))
        good = [(index, found) for index, found, _ in read if isinstance(found, torch.Tensor)]
        bad = tuple((index, str(found)) for index, found, _ in read if isinstance(found, UnreadablePicture))
        files = tuple((index, digest) for index, _, digest in read if digest != UNKNOWN)
        refusal = next(failures, None) or self._other_size(good)
        if refusal is not None:
            return refusal
        stacked = torch.stack([inputs for _, inputs in good]) if good else torch.empty(0, 0, 0, 0)
        return tuple(index for index, _ in good), _sendable(stacked), bad, files

    def _other_size(self, good: list[tuple[int, torch.Tensor]]) -> ImageFolderError | None:
        sized = [(self._images.paths[index], tuple(inputs.shape)) for index, inputs in good]
        other = next((found for found in sized if found[1] != sized[0][1]), None)
        return other and _two_sizes(sized[0], other)


def _two_sizes(one: tuple[str, tuple[int, ...]], other: tuple[str, tuple[int, ...]]) -> ImageFolderError:
    return ImageFolderError(
        f"The network's transform makes (channel, height, width) = {one[1]} of {one[0]} but {other[1]} of {other[0]}. "
        "It must bring all images to one size: let it resize or crop them."
    )


def _sendable(inputs: torch.Tensor) -> torch.Tensor | np.ndarray:
    """Return inputs as a tensor, which is sent through shared memory, or as an array, which is sent through a pipe.

    Shared memory is faster, but a worker that fills it up is killed, and containers often have only 64 MB of it.
    """
    worker = get_worker_info()
    if worker is None:
        return inputs
    wanted = inputs.nbytes * worker.num_workers * 3
    return inputs if shutil.disk_usage("/dev/shm").free > wanted else inputs.numpy()
