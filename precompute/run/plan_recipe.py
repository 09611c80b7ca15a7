"""A run's plan in a form that can be sent to another process, which loads the network and completes the plan."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from precompute.ablation.ablations import Ablater
from precompute.ablation.batch_sizes import memory_budget
from precompute.ablation.factory import make_ablaters
from precompute.ablation.plain import PlainAblater
from precompute.ablation.precision import Precision
from precompute.errors import ModelError
from precompute.images.classes import ClassTable
from precompute.images.decoding import Decoding
from precompute.images.folder import ImageList
from precompute.images.loader import load_by
from precompute.models.load import Model, load_model
from precompute.models.outputs import settle
from precompute.models.sites import Site
from precompute.models.state_dict import refuse_other_weights
from precompute.options import RunOptions
from precompute.run.plan import AttributionPlan, Plan
from precompute.run.shard_task import BuiltPlan
from precompute.stages.activation_at import activation_at
from precompute.workers.recipe import Place


@dataclass(frozen=True, eq=False)
class PlanRecipe:
    """A plan without its network, images and ablaters. It can be pickled.

    Parameters
    ----------
    root
        The folder of the images.
    n_images
        The number of images of the run.
    decoding
        How image files become pictures.
    attributed
        The layers whose activations are attributed.
    slow
        By the layer's name, why only the plain method can sweep it.
    probe
        (image, channel, height, width), as in the plan.
    options, weights_digest, classes, sites, n_outputs, log_prob, size, kept, folder
        As in the plan.
    """

    options: RunOptions
    weights_digest: str
    root: Path
    n_images: int
    decoding: Decoding
    classes: ClassTable
    sites: tuple[Site, ...]
    n_outputs: int
    log_prob: str
    probe: np.ndarray
    size: tuple[int, int] | None
    attributed: frozenset[Site]
    slow: Mapping[str, str]
    kept: frozenset[Site]
    folder: Path

    @classmethod
    def of(cls, plan: Plan) -> "PlanRecipe":
        """Return the recipe of a plan."""
        load = plan.candidates.load
        return cls(
            options=plan.options,
            weights_digest=plan.weights_digest,
            root=plan.candidates.root,
            n_images=len(plan.candidates),
            decoding=load.decoding,
            classes=plan.classes,
            sites=plan.sites,
            n_outputs=plan.n_outputs,
            log_prob=plan.log_prob,
            probe=plan.probe.numpy(),
            size=plan.size,
            attributed=frozenset(plan.activations_at),
            slow={site.name: reason for site, reason in plan.slow.items()},
            kept=plan.kept,
            folder=plan.folder,
        )

    def build(self, place: Place) -> BuiltPlan:
        """Load the network and return what a worker needs of the plan; see `precompute.workers.recipe.Recipe`.

        Raises
        ------
        ModelError
            If the network has other weights than that of the plan, or the engine cannot sweep a layer here.
        """
        return BuiltPlan(self._plan(place.device, place.sharers), place.among)

    def _plan(self, device: torch.device, sharers: int) -> Plan:
        model = self._model()
        model = replace(model, network=model.network.to(device))
        probe = torch.from_numpy(self.probe)
        settle(model.network, probe, self.log_prob)
        ablaters = self._ablaters(model, device, sharers)
        nothing = np.empty(0, dtype=np.int32)
        load = load_by(model.loader, self.decoding)
        return Plan(
            options=self.options,
            model=model,
            weights_digest=self.weights_digest,
            device=device,
            candidates=ImageList(self.root, (), nothing, self.classes.names, load=load),
            train=None,
            classes=self.classes,
            sites=self.sites,
            n_outputs=self.n_outputs,
            log_prob=self.log_prob,
            probe=probe,
            size=self.size,
            attribution=AttributionPlan.none(site.name for site in self.sites),
            activations_at={
                site: activation_at(model.network, site, probe, ablaters[site].program) for site in self._attributed()
            },
            ablaters=ablaters,
            slow={site: self.slow[site.name] for site in self.sites if site.name in self.slow},
            kept=self.kept,
            pass_seconds=0.0,
            sweep_seconds=0.0,
            sharers=sharers,
        )

    def _attributed(self) -> list[Site]:
        return [site for site in self.sites if site in self.attributed]

    def _model(self) -> Model:
        with suppress(OSError):  # on another machine there may be no such folder
            os.chdir(self.folder)  # a worker of this machine begins where the network's file has left the run
        model = load_model(self.options.model, self.options.weights)
        refuse_other_weights(model.network, self.weights_digest, of=self.options.model)
        return model

    def _ablaters(self, model: Model, device: torch.device, sharers: int) -> dict[Site, Ablater]:
        size = self.options.batch_size
        chosen = make_ablaters(
            model.network,
            [site for site in self.sites if site.name not in self.slow],
            torch.from_numpy(self.probe).to(device),
            batch_size=size,
            memory_bytes=memory_budget(device, sharers),
            precision=Precision(self.options.precision),
        )
        for site, (_, reason) in chosen.items():
            if reason is not None:
                raise ModelError(
                    f"{site.name}: the process of the run can sweep this layer by the engine, but a worker only by "
                    f"whole forward passes, because {reason}. Compute on one device."
                )
        return {
            site: chosen[site][0] if site in chosen else PlainAblater(model.network, site, batch_size=size)
            for site in self.sites
        }
