"""An experiment's specification: one record, without torch, from which everything else is made.

The command line with its help, the refusal of options, the check, the tables of FORMAT.md and of the documentation, and
the list in the app all read these records; see :mod:`precompute.store.experiments.registry` for the list of them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import h5py

from precompute.measures.table import MeasureRow, made_by
from precompute.store.checks.rules import Rule
from precompute.store.entry import Axis, Entry

OF_ANY = ("layers", "seed")
"""Options of every experiment, except that `attribution` takes no seed."""
OF_MODEL = ("images", "model", "weights", "device")
"""Options of experiments that run the network."""
OF_NETWORK = (*OF_MODEL, "max_minutes", "images_per_class")
"""Options of those that run it on as many images as there is time for."""
OF_SWEEPS = (*OF_NETWORK, "ray", "rates")
"""Options of those whose sweeps several devices can share."""


def _no_rules(_: h5py.File) -> Iterator[Rule]:
    yield from ()


@dataclass(frozen=True)
class Removal:
    """Datasets of units that are removed one after another; the check uses this. ``unit`` holds the orders.

    Parameters
    ----------
    path : str
        The group that holds them, below the experiment's.
    meet : tuple of str
        Curves that are the same for all orders where no unit is removed and where all are.
    to_the_end : bool
        Whether ``n_removed`` goes from 0 to all units.
    """

    path: str
    meet: tuple[str, ...] = ()
    to_the_end: bool = True


@dataclass(frozen=True, kw_only=True)
class ExperimentSpec:
    """One experiment.

    Parameters
    ----------
    name : str
        Its name on the command line and in the store. Its modules here, in `precompute.experiments` and in
        `explorer.experiments` have the same name.
    title : str
        Its name for readers.
    source : str
        Where the method comes from.
    adds : str
        What it adds to a store, in short.
    needs : str
        What it needs, in short, for tables.
    needs_of_all : str
        What it needs for every unit on every image, in the words of `precompute.store.keep`; empty where it needs
        nothing that a store of sums lacks.
    needs_network : bool
        Whether it runs the network on the images; otherwise the store alone is enough.
    on_one_device : str
        Why it computes on one device, a clause that can follow "because"; empty where several can share its work, which
        then takes `OF_SWEEPS`, or where it needs none.
    advice : str
        A sentence that says what else it needs and where to get it; empty where network and images are enough.
    options : tuple of str
        Which options it takes, by their names in :class:`precompute.experiments.options.ExperimentOptions`.
    entries : tuple of Entry
        Its datasets.
    axes : tuple of Axis
        The axes of its datasets that the rest of the store does not have.
    removals : tuple of Removal
        Its datasets of units that are removed one after another.
    rules : callable
        Further rules for the check.
    without_log_prob : str
        What changes in a store without log-probabilities; empty where nothing changes.
    """

    name: str
    title: str
    source: str
    adds: str
    needs: str = "the network and the images"
    needs_network: bool = True
    needs_of_all: str = ""
    on_one_device: str = ""
    advice: str = ""
    options: tuple[str, ...] = (*OF_ANY, *OF_NETWORK)
    entries: tuple[Entry, ...] = ()
    axes: tuple[Axis, ...] = ()
    removals: tuple[Removal, ...] = ()
    rules: Callable[[h5py.File], Iterator[Rule]] = _no_rules
    without_log_prob: str = ""

    @property
    def is_shared(self) -> bool:
        """Whether several devices can share its work."""
        return "ray" in self.options

    @property
    def measures(self) -> tuple[MeasureRow, ...]:
        """The measures that it adds to layers."""
        return made_by(self.name)

    @property
    def group(self) -> str:
        """The path of its group in a store."""
        return f"/experiments/{self.name}"
