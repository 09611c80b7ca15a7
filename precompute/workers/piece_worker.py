"""What a worker does: it builds what the recipe says when the first piece comes, and computes one piece at a time."""

import traceback
from pathlib import Path
from typing import Any

import torch

from precompute.errors import TooLittleMemory, UnitscopeError
from precompute.models.device import exact_float32
from precompute.workers.recipe import Advance, Place, Recipe
from precompute.workers.worker_pool import Lost, Made, Message, PieceRefused, Task


class PieceWorker:
    """Computes pieces in the worker's process.

    Parameters
    ----------
    recipe
        How to build what pieces are computed with.
    place
        The device, and what this worker shares with others.
    """

    def __init__(self, recipe: Recipe, place: Place) -> None:
        self._recipe, self._place = recipe, place
        self._built: Any = None

    def compute(self, task: Task, advance: Advance) -> Message:
        """Compute a piece, and return the message about it."""
        try:
            with exact_float32():
                return Made(task.work(self.built(), advance))
        except (TooLittleMemory, MemoryError) as error:
            return Lost(f"too little memory ({error})" if str(error) else "too little memory")
        except UnitscopeError as error:
            return PieceRefused(error)
        except Exception as error:  # another worker tries the piece, and the user is told
            return Lost(describe(error))

    def built(self) -> Any:
        """Return what the recipe builds; the first call builds it.

        Raises
        ------
        UnitscopeError
            If it cannot be built here, or differs from what the main process has.
        """
        if self._built is None:
            torch.set_num_threads(self._place.threads)
            if self._place.device.type == "cuda":
                torch.cuda.set_device(self._place.device)
            self._built = self._recipe.build(self._place)
        return self._built


def describe(error: Exception) -> str:
    """Describe an unexpected error in one line: its type, its message, and the file and line that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words} ({Path(last.filename).name}, line {last.lineno})"
