"""What a worker needs before its first piece: a device, and the recipe for all that pieces are computed with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

Arrays = dict[str, np.ndarray]
Advance = Callable[[int], None]
Work = Callable[[Any, Advance], Arrays]
"""Computes a piece: from what the recipe has built to arrays by name.

It calls `Advance` with the number of steps that it has done. It depends on nothing else, and it can be pickled.
"""


@dataclass(frozen=True)
class Place:
    """Where a worker computes, and what it shares with the other workers on its machine.

    Parameters
    ----------
    device
        The device that computes.
    threads
        The number of threads of this worker. The workers on a machine have no more threads together than it has cores.
    among
        The number of workers on this machine.
    sharers
        The number of these workers that use the same device.
    """

    device: torch.device
    threads: int = 1
    among: int = 1
    sharers: int = 1


class Recipe(Protocol):
    """How a worker builds what pieces are computed with, such as a network; it can be pickled."""

    def build(self, place: Place) -> Any:
        """Build it for a worker in a place.

        Raises
        ------
        UnitscopeError
            If it cannot be built there, or differs from what the main process has.
        """
