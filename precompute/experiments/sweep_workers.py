"""Start what computes the sweeps of an experiment: its own process, or several workers with the same network."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from precompute.experiments.network_recipe import NetworkRecipe
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.sweeps import Sweeps, SweptNetwork
from precompute.images.folder import ImageList
from precompute.models.device import pick_devices
from precompute.workers.start import WorkerOptions, start_workers
from precompute.workers.worker_pool import Words

WORDS = Words("the experiment", "pieces", kept="The store is as it was.", again="start the experiment again")


class SweepWorkers:
    """Workers that end with the block of this context manager.

    Parameters
    ----------
    options
        They say on which devices to compute.
    say
        Shows the user a sentence.
    """

    def __init__(self, options: ExperimentOptions, say: Callable[[str], None]) -> None:
        self._options, self._say, self._started = options, say, ExitStack()

    def __enter__(self) -> "SweepWorkers":
        return self

    def __exit__(self, *error: object) -> None:
        self._started.close()

    def sweeps(self, network: SweptNetwork, lists: Sequence[ImageList]) -> Sweeps:
        """Prepare passes over images; devices and nodes that cannot take part are refused here.

        Parameters
        ----------
        network
            The network to compute with.
        lists
            The lists of images that the passes will go over.

        Raises
        ------
        UnitscopeError
            Where a device or a node cannot take part.
        """
        options = self._options
        asked = WorkerOptions(pick_devices(options.device), options.ray, options.rates)
        if asked.is_alone:
            return Sweeps(network)
        pool = self._started.enter_context(start_workers(asked, NetworkRecipe.of(network), lists, WORDS, self._say))
        return Sweeps(network, pool, pool.n_devices)
