"""What a worker needs before its first piece: its place, and how to make what pieces are computed with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

Arrays = dict[str, np.ndarray]
Advance = Callable[[int], None]
Work = Callable[[Any, Advance], Arrays]
"""Computes a piece, given what the recipe makes and what to call with the steps that are done.

It depends on nothing else, and it can be pickled.
"""


@dataclass(frozen=True)
class Place:
    """Where a process computes, and what it shares with those beside it.

    Parameters
    ----------
    device
        Where to compute.
    threads
        Of this process, so that those side by side have no more than the machine's cores together.
    among
        Processes side by side on this machine.
    sharers
        Those of them on the same device.
    """

    device: torch.device
    threads: int = 1
    among: int = 1
    sharers: int = 1


class Recipe(Protocol):
    """How a worker makes what pieces are computed with, such as a network; it can be pickled."""

    def built(self, place: Place) -> Any:
        """Make it for a worker in a place.

        Raises
        ------
        UnitscopeError
            Where it cannot be had there, or is not what the process that gives out the pieces has.
        """
