"""The drawing of many pictures to files, in several processes where that pays."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path

import numpy as np
from PIL import Image

from precompute.images.drawing.scenes import RECIPES, draw_scene

SPLITS = ("train", "val")

_BATCH = 25  # pictures drawn between two reports of progress
_WORTH_A_POOL = 400  # starting worker processes takes as long as drawing about this many pictures

# For people who open a mask: colours that tell indices apart. Only the index means anything.
_INDEX_COLOURS = np.array(
    [(0, 0, 0), *((37 + i * 73 % 200, 37 + i * 131 % 200, 37 + i * 29 % 200) for i in range(1, 16))]
)


def draw_pictures(folder: Path, seed: int, sizes: dict[str, int], progress: Callable[[int, int], None]) -> None:
    """Draw all pictures and masks of an example into folders that exist.

    Parameters
    ----------
    folder : Path
        Holds ``<split>/<class>`` and ``masks/<split>/<class>``.
    seed : int
        The example's seed.
    sizes : dict of str to int
        Pictures of each class in each of `SPLITS`.
    progress : callable
        Called with the number of pictures drawn and the number to draw.
    """
    batches = [
        _Batch(split, class_index, range(start, min(start + _BATCH, sizes[split])))
        for split in SPLITS
        for class_index in range(len(RECIPES))
        for start in range(0, sizes[split], _BATCH)
    ]
    done, total = 0, sum(len(batch.numbers) for batch in batches)
    progress(done, total)
    workers = min(_cores(), 8) if total >= _WORTH_A_POOL else 1
    for drawn in _each_drawn(partial(_draw_batch, folder, seed), batches, workers):
        done += drawn
        progress(done, total)


@dataclass(frozen=True)
class _Batch:
    """Some pictures of one class in one split."""

    split: str
    class_index: int
    numbers: range


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _each_drawn(draw: Callable[[_Batch], int], batches: list[_Batch], workers: int) -> Iterator[int]:
    """Draw all batches; yield the number of pictures of each."""
    finished = 0
    if workers > 1:
        try:
            # Spawned: a forked child of a process that runs torch's threads can hang.
            with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_follow_parent) as pool:
                for drawn in pool.map(draw, batches):
                    finished += 1
                    yield drawn
        except BrokenProcessPool:
            pass  # a place where no process can be started, or one was killed: go on alone
    yield from map(draw, batches[finished:])


def _follow_parent() -> None:
    """Make a worker end with the process that started it, however that ends, and leave interrupts to it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_after_parent, daemon=True).start()


def _end_after_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _draw_batch(folder: Path, seed: int, batch: _Batch) -> int:
    recipe = RECIPES[batch.class_index]
    for number in batch.numbers:
        sheet = draw_scene(recipe, np.random.default_rng([seed, SPLITS.index(batch.split), batch.class_index, number]))
        picture = folder / batch.split / recipe.name / f"{number:04d}.png"
        Image.fromarray(sheet.developed()).save(picture, compress_level=1)
        for category, indices in sheet.parts.items():
            mask = folder / "masks" / batch.split / recipe.name / f"{number:04d}-{category}.png"
            _save_mask(indices, mask)
    return len(batch.numbers)


def _save_mask(indices: np.ndarray, path: Path) -> None:
    image = Image.fromarray(indices)
    image.putpalette(_INDEX_COLOURS.ravel().tolist())
    image.save(path, compress_level=1)
