"""What an experiment is given, and what it gives back before and after its work."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from precompute.experiments.options import ExperimentOptions
from precompute.store.layer import Layer
from precompute.store.reader import Store

Arrays = dict[str, np.ndarray]
Advance = Callable[[int], None]


@dataclass(frozen=True, eq=False)
class Job:
    """An experiment on some layers of an open store.

    Parameters
    ----------
    store
        The store.
    layers
        The layers to look at, in the order of the network.
    options
        What was asked for.
    """

    store: Store
    layers: tuple[Layer, ...]
    options: ExperimentOptions

    @property
    def seed(self) -> int:
        """What all random choices come from."""
        return self.options.seed or 0


@dataclass(frozen=True, eq=False)
class Prepared:
    """An experiment that is ready to go: everything that can be refused has been.

    Parameters
    ----------
    seconds
        Estimated time.
    bytes
        What it adds to the store, before compression.
    steps, unit
        How many steps it has and what one is, in the plural.
    run
        Does the work; told how to say that steps are done, it returns arrays by their path inside the experiment's
        group.
    reduced
        What was cut down to stay within the time allowed, a sentence; None where nothing was.
    notes
        What else a person should be told, a sentence each.
    """

    seconds: float
    bytes: float
    steps: int
    unit: str
    run: Callable[[Advance], Arrays]
    reduced: str | None = None
    notes: tuple[str, ...] = ()
