"""The plan of a run: everything that is settled before anything is computed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
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
from precompute.models.sites import Site
from precompute.options import RunOptions
from precompute.stages.activation_at import ActivationAt, rows_within
from precompute.stages.exemplar_maps import Look
from precompute.store.schema import MAX_ATTRIBUTION_MAP_SIDE


@dataclass(frozen=True)
class AttributionPlan:
    """Which attributions will be made, and what they will cost.

    Parameters
    ----------
    exemplars
        For every layer and method that can be right there, how many of the top exemplars get maps, the first ones.
    left_out
        For every layer the methods that cannot be right there, with the reason.
    n_exemplars
        How many of the top exemplars have a place for maps.
    seconds
        What they will take.
    """

    exemplars: dict[str, dict[str, int]]
    left_out: dict[str, dict[str, str]]
    n_exemplars: int
    seconds: float

    @classmethod
    def none(cls, layers: Iterable[str]) -> "AttributionPlan":
        """Return the plan of no attributions in some layers."""
        names = list(layers)
        return cls({name: {} for name in names}, {name: {} for name in names}, 0, 0.0)

    @property
    def postponed(self) -> float:
        """Share of the places that stay empty for now, 0 to 1: what is left to be computed on demand."""
        counts = [count for methods in self.exemplars.values() for count in methods.values()]
        return 1 - sum(counts) / (self.n_exemplars * len(counts)) if counts and self.n_exemplars else 0.0


@dataclass(frozen=True, eq=False)
class Plan:
    """A run, ready to go.

    Parameters
    ----------
    options
        What was asked for.
    model
        The network, on `device`, in evaluation mode.
    weights_digest
        What names its weights: a hash over all of them, as it was loaded. A pass may count itself in a buffer.
    device
        Where it runs.
    candidates
        The images to read, some of which may turn out to be unreadable.
    train
        Training images to look at in the same way; None where there are none.
    classes
        The classes and their outputs.
    sites
        The layers.
    n_outputs
        Outputs of the network.
    log_prob
        What they are: ``logits``, ``log of probabilities``, or why log-probabilities are left out.
    probe
        (image, channel, height, width): a few real images, for whatever has to be tried out.
    size
        Width and height of the first image; None where a loader of the person's own gives no RGB pictures.
    attribution
        Which attributions to make.
    activations_at
        For every layer with attributions, the network that they are taken of.
    ablaters
        For every layer what runs the network with its units silenced.
    slow
        For layers that only the plain method can sweep, why: a clause that can follow "because".
    kept
        Layers whose outputs on a shard stay at hand for their sweeps, which then begin there.
    pass_seconds
        Time of one image in the pass without ablation.
    sweep_seconds
        Estimated time of the pass without ablation and of the sweeps.
    conditions
        Under what conditions the results are right, a sentence each. The run prints them, the store keeps them and the
        app shows them.
    sharers
        Processes that share the device's memory.
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

    @cached_property
    def view(self) -> InputView:
        """How to turn inputs back into pictures."""
        return InputView() if self.size is None else InputView.probe(self.model.transform, self.size)

    @cached_property
    def black(self) -> Tensor | None:
        """The transformed black image; None where there is no such thing."""
        shape = tuple(self.probe.shape[1:])
        return None if self.size is None else black_input(self.model.transform, self.size, shape)

    @cached_property
    def baseline_input(self) -> Tensor:
        """Where integrated gradients start: the transformed black image, or zeros where there is none."""
        return torch.zeros(self.probe.shape[1:]) if self.black is None else self.black

    @property
    def workers(self) -> int:
        """Processes that decode images."""
        chosen = self.options.workers
        return default_workers(len(self.candidates)) if chosen is None else chosen

    @cached_property
    def looks(self) -> dict[Site, Look]:
        """How the activations of each layer are attributed, as far as they are."""
        memory, most, side = memory_budget(self.device, self.sharers), self.options.batch_size, MAX_ATTRIBUTION_MAP_SIDE
        return {
            site: Look(network, self.baseline_input, min(rows_within(memory, network, self.probe[:1]), most), side)
            for site, network in self.activations_at.items()
        }

    def swept_plainly(self, doubted: Mapping[str, str]) -> "Plan":
        """Return the same plan with some layers swept by whole passes.

        Parameters
        ----------
        doubted
            By the layer's name why the engine is not trusted with it: a clause that can follow "because".
        """
        ablaters, slow = dict(self.ablaters), dict(self.slow)
        for site, ablater in self.ablaters.items():
            if site.name in doubted:
                ablaters[site], slow[site] = ablater.plain, doubted[site.name]
        told = tuple(f"{name} was swept by whole forward passes, because {why}." for name, why in doubted.items())
        conditions = (*self.conditions, *(sentence for sentence in told if sentence not in self.conditions))
        return replace(self, ablaters=ablaters, slow=slow, kept=self.kept - slow.keys(), conditions=conditions)

    def of_training(self) -> "Plan | None":
        """Return the same plan for the training images, or None: all but attributions, which nobody compares."""
        if self.train is None:
            return None
        attribution = AttributionPlan.none(site.name for site in self.sites)
        seconds = self.sweep_seconds * len(self.train) / len(self.candidates)
        return replace(self, candidates=self.train, train=None, attribution=attribution, sweep_seconds=seconds)

    def identity(self) -> dict[str, Any]:
        """Return everything that decides what the run computes, under the names by which a person knows it."""
        options = self.options
        return options.identity() | {
            "MODEL": self.model.spec,
            "the network's weights": self.weights_digest,
            "--images": str(self.candidates.root),
            "the list of images": self.candidates.digest(),
            "--train-images": None if self.train is None else str(self.train.root),
            "the list of training images": None if self.train is None else self.train.digest(),
            "the classes' outputs": self.classes.output_index.tolist(),
            "--layer": [site.name for site in self.sites],
            "--device": self.device.type,
        }
