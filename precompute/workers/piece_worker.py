"""What a worker does: it makes what the recipe says when its first piece comes, and computes one piece at a time."""

import traceback
from pathlib import Path
from typing import Any

import torch

from precompute.errors import TooLittleMemory, UnitscopeError
from precompute.models.device import exact_float32
from precompute.workers.recipe import Advance, Place, Recipe
from precompute.workers.worker_pool import Lost, Made, Message, Refused, Task


class PieceWorker:
    """Where pieces are computed.

    Parameters
    ----------
    recipe
        Of what they are computed with.
    place
        Where this is.
    """

    def __init__(self, recipe: Recipe, place: Place) -> None:
        self._recipe, self._place = recipe, place
        self._made: Any = None

    def compute(self, task: Task, advance: Advance) -> Message:
        """Compute a piece, and return what came of it."""
        try:
            with exact_float32():
                return Made(task.work(self.made(), advance))
        except (TooLittleMemory, MemoryError) as error:
            return Lost(f"too little memory ({error})" if str(error) else "too little memory")
        except UnitscopeError as error:
            return Refused(error)
        except Exception as error:  # the piece is tried elsewhere, and the person told of it
            return Lost(told(error))

    def made(self) -> Any:
        """Return what the recipe makes, made here the first time.

        Raises
        ------
        UnitscopeError
            Where it is not that of the others, or cannot be had here.
        """
        if self._made is None:
            torch.set_num_threads(self._place.threads)
            if self._place.device.type == "cuda":
                torch.cuda.set_device(self._place.device)
            self._made = self._recipe.built(self._place)
        return self._made


def told(error: Exception) -> str:
    """Say in a line what an error of no kind of ours is, and where it arose."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    words = " ".join(str(error).split())
    return f"{type(error).__name__}: {words} ({Path(last.filename).name}, line {last.lineno})"
