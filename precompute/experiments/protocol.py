"""The protocol of an experiment: the job that it gets, what it returns before its work, and what it finds."""

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
        Computes the sweeps, in this process or on several devices.
    """

    store: Store
    layers: tuple[Layer, ...]
    options: ExperimentOptions
    workers: SweepWorkers

    @property
    def seed(self) -> int:
        """The seed of all random choices."""
        return self.options.seed


@dataclass(frozen=True, eq=False)
class Findings:
    """What an experiment found.

    Parameters
    ----------
    arrays
        The datasets, by their path inside the experiment's group.
    measures
        By layer, and then by a name of `precompute.measures.table`: one number per unit, (unit,), NaN where it is not
        defined. They become measures of the layer, so a reader can choose them wherever measures can be chosen.
    """

    arrays: Arrays
    measures: dict[str, Arrays] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Prepared:
    """An experiment that is ready to start: everything that can be refused has been refused.

    Parameters
    ----------
    seconds
        Estimated time.
    bytes
        How many bytes it adds to the store, before compression.
    steps, unit
        The number of steps of the work, and what a step is, in the plural.
    run
        Does the work. It gets the stage that shows the progress, and calls it with each number of steps done.
    reduced
        A sentence on what was cut to stay within the time allowed; None where nothing was cut.
    notes
        Further sentences to print.
    conditions
        Sentences on what the results rest on, to print and to keep in the store.
    """

    seconds: float
    bytes: float
    steps: int
    unit: str
    run: Callable[[Stage], Findings]
    reduced: str | None = None
    notes: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
