"""The protocol of an experiment: the job that it is given, and what it returns before and after its work."""

from collections.abc import Callable
from dataclasses import dataclass, field

from precompute.experiments.options import ExperimentOptions
from precompute.experiments.sweep_workers import SweepWorkers
from precompute.progress import Stage
from precompute.store.layer import Layer
from precompute.store.reader import Store
from precompute.workers.recipe import Advance, Arrays

__all__ = ["Advance", "Arrays", "Findings", "Job", "Prepared"]


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
    workers
        Who computes the sweeps of an experiment that several devices can share.
    """

    store: Store
    layers: tuple[Layer, ...]
    options: ExperimentOptions
    workers: SweepWorkers

    @property
    def seed(self) -> int:
        """What all random choices come from."""
        return self.options.seed


@dataclass(frozen=True, eq=False)
class Findings:
    """What an experiment found.

    Parameters
    ----------
    arrays
        Its datasets, by their path inside the experiment's group.
    measures
        By layer, then by a name of `precompute.measures.table`: one number per unit, (unit,), NaN where it is not
        defined. They go to the layer's own measures, so that they can be picked wherever measures can.
    """

    arrays: Arrays
    measures: dict[str, Arrays] = field(default_factory=dict)


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
        Does the work, given the stage that counts its steps; it can be called with a number of them.
    reduced
        What was cut down to stay within the time allowed, a sentence; None where nothing was.
    notes
        What else a person should be told, a sentence each.
    """

    seconds: float
    bytes: float
    steps: int
    unit: str
    run: Callable[[Stage], Findings]
    reduced: str | None = None
    notes: tuple[str, ...] = ()
