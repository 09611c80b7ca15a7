"""The recipe by which another process loads the network of an experiment and what sweeps it; no store, no images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from precompute.ablation.ablations import Ablater
from precompute.errors import ModelError
from precompute.experiments.network_source import NetworkSource
from precompute.experiments.restored_run import RestoredRun
from precompute.experiments.sweeps import SweptNetwork
from precompute.images.decoding import Decoding
from precompute.images.folder import ImageList
from precompute.images.loader import load_by
from precompute.models.outputs import settle
from precompute.models.sites import Site
from precompute.models.state_dict import refuse_other_weights, state_digest
from precompute.workers.recipe import Place


@dataclass(frozen=True, eq=False)
class NetworkRecipe:
    """What a worker needs to load the same network; it can be pickled.

    Parameters
    ----------
    digest
        The digest of the network's weights.
    root
        The folder of the store's images.
    decoding
        How files become pictures.
    probe
        (image, channel, height, width): a few images.
    by_engine
        For each layer, whether this process sweeps it by the engine.
    source, sites, batch_size, log_prob, swept_plainly
        As in `RestoredRun` and `SweptNetwork`.
    """

    source: NetworkSource
    digest: str
    root: Path
    decoding: Decoding
    sites: Mapping[str, Site]
    by_engine: Mapping[str, bool]
    probe: np.ndarray
    batch_size: int
    log_prob: str
    swept_plainly: frozenset[str]

    @classmethod
    def of(cls, network: SweptNetwork) -> "NetworkRecipe":
        """Return the recipe of a network."""
        restored = network.restored
        load = restored.images.load
        return cls(
            source=restored.source,
            digest=state_digest(restored.model.network),
            root=restored.images.root,
            decoding=load.decoding,
            sites=dict(network.sites),
            by_engine={name: _is_engine(ablater) for name, ablater in network.ablaters.items()},
            probe=restored.probe.numpy(),
            batch_size=restored.batch_size,
            log_prob=restored.log_prob,
            swept_plainly=restored.swept_plainly,
        )

    def build(self, place: Place) -> SweptNetwork:
        """Load the network, with an empty list of images. See `precompute.workers.recipe.Recipe`.

        Raises
        ------
        ModelError
            Where the network has other weights, or cannot be swept in the same way.
        """
        restored = self._restored(place)
        ablaters = restored.ablaters(list(self.sites.values()))
        by_name = {name: ablaters[site] for name, site in self.sites.items()}
        for name, ablater in by_name.items():
            self._refuse_other_way(name, ablater)
        return SweptNetwork(restored, self.sites, by_name)

    def _restored(self, place: Place) -> RestoredRun:
        model = self.source.load()
        refuse_other_weights(model.network, self.digest, of=self.source.spec)
        model.network.to(place.device)
        probe, nothing = torch.from_numpy(self.probe), np.empty(0, dtype=np.int32)
        settle(model.network, probe[:2], self.log_prob)
        return RestoredRun(
            model=model,
            images=ImageList(self.root, (), nothing, (), load=load_by(model.loader, self.decoding)),
            prediction=nothing,
            batch_size=self.batch_size,
            probe=probe,
            log_prob=self.log_prob,
            source=self.source,
            swept_plainly=self.swept_plainly,
            place=place,
        )

    def _refuse_other_way(self, name: str, ablater: Ablater) -> None:
        if _is_engine(ablater) != self.by_engine[name]:
            here, there = "the engine", "whole forward passes"
            if not self.by_engine[name]:
                here, there = there, here
            raise ModelError(
                f"{name}: the experiment's own process sweeps it by {here}, a worker by {there}. The two round "
                "differently. Compute on one device."
            )


def _is_engine(ablater: Ablater) -> bool:
    return ablater is not ablater.plain
