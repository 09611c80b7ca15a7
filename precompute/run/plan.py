"""The plan of a run: everything that is decided before the work begins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablater
from precompute.ablation.batch_sizes import memory_budget
from precompute.images.classes import ClassTable
from precompute.images.folder import ImageList
from precompute.images.loading import default_workers
from precompute.images.picture import InputView, black_input
from precompute.models.model import Model
from precompute.models.own_files import imported_digests, library_versions
from precompute.models.sites import Site
from precompute.models.user_file import code_digest
from precompute.options import RunOptions
from precompute.provenance import versions_of_numbers
from precompute.stages.activation_at import ActivationAt, rows_within
from precompute.stages.exemplar_maps import Look
from precompute.store.schema import MAX_ATTRIBUTION_MAP_SIDE

NETWORK_FILE = "the network's file"
IMPORTED_FILES = "the files that the network's file imports"
LIBRARIES = "the libraries that make the network"


@dataclass(frozen=True)
class AttributionPlan:
    """Which attribution maps the run makes, and how long they take.

    Parameters
    ----------
    exemplars
        For every layer, and every method that can be right in it: the number of top exemplars that get maps. They are
        the first ones of each unit's list.
    left_out
        For every layer, the methods that cannot be right in it, each with the reason.
    n_exemplars
        The number of top exemplars for which the store has room for maps.
    seconds
        The estimated time of all maps.
    """

    exemplars: dict[str, dict[str, int]]
    left_out: dict[str, dict[str, str]]
    n_exemplars: int
    seconds: float

    @classmethod
    def none(cls, layers: Iterable[str]) -> "AttributionPlan":
        """Return the plan that makes no attributions in these layers."""
        names = list(layers)
        return cls({name: {} for name in names}, {name: {} for name in names}, 0, 0.0)

    @property
    def postponed(self) -> float:
        """The share of the maps in the store's room that the run leaves out, 0 to 1; they can be computed later."""
        counts = [count for methods in self.exemplars.values() for count in methods.values()]
        return 1 - sum(counts) / (self.n_exemplars * len(counts)) if counts and self.n_exemplars else 0.0


@dataclass(frozen=True, eq=False)
class Plan:
    """A run that is ready to begin.

    Parameters
    ----------
    options
        The options of the run.
    model
        The network, on `device`, in evaluation mode.
    weights_digest
        A hash over all weights, taken right after the network was loaded: a forward pass may change a buffer, such as
        a counter.
    device
        The device that computes.
    candidates
        The images to read. Some of them may turn out to be unreadable.
    train
        Training images, which the run sweeps in the same way; None if it has none.
    classes
        The classes and their outputs.
    sites
        The layers, in the order in which the network computes them.
    n_outputs
        The number of outputs of the network.
    log_prob
        What the outputs are: ``logits``, ``log of probabilities``, or why there are no log-probabilities.
    probe
        (image, channel, height, width): the first readable images, for all that has to be tried out.
    size
        Width and height of the first image; None if the user's own loader gives no RGB pictures.
    attribution
        The attributions to make.
    activations_at
        For every layer with attributions, the network that computes the activations that are attributed.
    ablaters
        For every layer, what runs the network with units silenced.
    slow
        For each layer that only the plain method can sweep, the reason: a clause that can follow "because".
    kept
        The layers whose outputs on a shard are kept in memory, so that their sweeps start from them.
    pass_seconds
        Seconds that a pass without ablation takes for one image.
    sweep_seconds
        Estimated seconds of the pass without ablation and of the sweeps, over all images.
    conditions
        What the results rest on, one sentence each. The run prints the conditions, the store keeps them, and the app
        shows them.
    sharers
        The number of processes that share the device's memory.
    folder
        The current folder before the network was loaded, from which relative paths in the options begin.
    """

    options: RunOptions
    model: Model
    weights_digest: str
    device: torch.device
    candidates: ImageList
    train: ImageList | None
    classes: ClassTable
    sites: tuple[Site, ...]
    n_outputs: int
    log_prob: str
    probe: Tensor
    size: tuple[int, int] | None
    attribution: AttributionPlan
    activations_at: dict[Site, ActivationAt]
    ablaters: dict[Site, Ablater]
    slow: dict[Site, str]
    kept: frozenset[Site]
    pass_seconds: float
    sweep_seconds: float
    conditions: tuple[str, ...] = ()
    sharers: int = 1
    folder: Path = Path()

    @cached_property
    def view(self) -> InputView:
        """How to turn inputs back into pictures."""
        return InputView() if self.size is None else InputView.probe(self.model.transform, self.size)

    @cached_property
    def black(self) -> Tensor | None:
        """The transformed black image; None if the network takes none."""
        shape = tuple(self.probe.shape[1:])
        return None if self.size is None else black_input(self.model.transform, self.size, shape)

    @cached_property
    def baseline_input(self) -> Tensor:
        """The input at which integrated gradients start: the transformed black image, or zeros if there is none."""
        return torch.zeros(self.probe.shape[1:]) if self.black is None else self.black

    @property
    def workers(self) -> int:
        """The number of processes that decode images."""
        chosen = self.options.workers
        return default_workers(len(self.candidates)) if chosen is None else chosen

    @cached_property
    def looks(self) -> dict[Site, Look]:
        """For every layer with attributions, the settings with which they are made."""
        memory, most, side = memory_budget(self.device, self.sharers), self.options.batch_size, MAX_ATTRIBUTION_MAP_SIDE
        return {
            site: Look(network, self.baseline_input, min(rows_within(memory, network, self.probe[:1]), most), side)
            for site, network in self.activations_at.items()
        }

    def swept_plainly(self, doubted: Mapping[str, str]) -> "Plan":
        """Return the same plan with some layers swept by the plain method.

        Parameters
        ----------
        doubted
            By the layer's name, why the engine is not trusted with it: a clause that can follow "because".
        """
        ablaters, slow = dict(self.ablaters), dict(self.slow)
        for site, ablater in self.ablaters.items():
            if site.name in doubted:
                ablaters[site], slow[site] = ablater.plain, doubted[site.name]
        told = tuple(f"{name} was swept by whole forward passes, because {why}." for name, why in doubted.items())
        conditions = (*self.conditions, *(sentence for sentence in told if sentence not in self.conditions))
        return replace(self, ablaters=ablaters, slow=slow, kept=self.kept - slow.keys(), conditions=conditions)

    def of_training(self) -> "Plan | None":
        """Return the plan of the training images, or None if there are none.

        It is the same but for attributions: nobody compares those of training images, so none are made.
        """
        if self.train is None:
            return None
        attribution = AttributionPlan.none(site.name for site in self.sites)
        seconds = self.sweep_seconds * len(self.train) / len(self.candidates)
        return replace(self, candidates=self.train, train=None, attribution=attribution, sweep_seconds=seconds)

    def identity(self) -> dict[str, Any]:
        """Return everything that decides what the run computes, under the names that the user knows."""
        return self.asked() | versions_of_numbers() | {LIBRARIES: self._libraries}

    @cached_property
    def imported_files(self) -> dict[str, str]:
        """Digests of the files that the network's file imports, by their paths; read once, for all records of a run."""
        return imported_digests(self.model.spec, self.model.files)

    @cached_property
    def _libraries(self) -> dict[str, str]:
        """Versions of the libraries that make the network, beside those that the numbers depend on in any case."""
        return library_versions(self.model.spec)

    def told_lately(self) -> frozenset[str]:
        """Return the names of the identity that records of earlier versions may lack."""
        return frozenset({NETWORK_FILE, IMPORTED_FILES, LIBRARIES})

    def asked(self) -> dict[str, Any]:
        """Return what the run was asked for: its identity without versions, which matter only while it goes on."""
        options = self.options
        return options.identity() | {
            "MODEL": self.model.spec,
            NETWORK_FILE: code_digest(self.model.spec),
            IMPORTED_FILES: self.imported_files,
            "the network's weights": self.weights_digest,
            "--images": str(self.candidates.root),
            "the list of images": self.candidates.digest(),
            "--train-images": None if self.train is None else str(self.train.root),
            "the list of training images": None if self.train is None else self.train.digest(),
            "the classes' outputs": self.classes.output_index.tolist(),
            "--layer": [site.name for site in self.sites],
            "--device": self.device.type,
        }
