"""What a run will do, settled before anything is computed: network, images, classes, layers, attribution, cost.

Whatever can be refused is refused here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from time import perf_counter
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from precompute.ablation.ablations import Ablater, each_unit
from precompute.ablation.choose import make_ablater
from precompute.ablation.cost import measure_cost
from precompute.ablation.no_op import no_ops
from precompute.ablation.precision import Precision
from precompute.errors import ImageFolderError, ModelError, OptionError
from precompute.images.classes import ClassTable, resolve_classes
from precompute.images.decoding import open_picture
from precompute.images.folder import ImageList, list_images, list_training_images
from precompute.images.loading import apply_transform, default_workers, read_batches
from precompute.images.picture import InputView, black_input
from precompute.models.checkpoints import state_digest
from precompute.models.device import pick_device
from precompute.models.forward import logits
from precompute.models.lineage import unrectifiable
from precompute.models.load import Model, load_model
from precompute.models.sites import Site, find_site, list_sites
from precompute.options import RunOptions
from precompute.stages.attribution import METHODS, Targets, attribute
from precompute.store.schema import ABLATION_KINDS, MAX_ATTRIBUTION_MAP_SIDE, MAX_EXEMPLAR_MAP_SIDE

BOUND_SECONDS = 600.0
BOUND_BYTES = 500_000_000
USUAL_EXEMPLARS = 6
FEW_EXEMPLARS = 3
_USUAL_SIDES = (224, 299, 96, 64, 32, 28)


@dataclass(frozen=True)
class AttributionPlan:
    """Which attributions will be made, and what they will cost.

    Parameters
    ----------
    methods
        For every layer the methods that will run.
    left_out
        For every layer the methods that cannot be right there, with the reason.
    n_exemplars
        How many of the top exemplars get maps.
    seconds, bytes
        Estimated cost.
    reduced
        Whether the default was cut down because in full it would have cost too much.
    """

    methods: dict[str, tuple[str, ...]]
    left_out: dict[str, dict[str, str]]
    n_exemplars: int
    seconds: float
    bytes: float
    reduced: bool


@dataclass(frozen=True, eq=False)
class Plan:
    """A run, ready to go.

    Parameters
    ----------
    options
        What was asked for.
    model
        The network, on `device`, in evaluation mode.
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
    probe
        (image, channel, height, width): a few real images, for whatever has to be tried out.
    size
        Width and height of the first image's file.
    attribution
        Which attributions to make.
    ablaters
        For every layer what runs the network with its units silenced.
    slow
        For layers that only the plain method can sweep, why: a clause that can follow "because".
    sweep_seconds
        Estimated time of the ablation sweep.
    """

    options: RunOptions
    model: Model
    device: torch.device
    candidates: ImageList
    train: ImageList | None
    classes: ClassTable
    sites: tuple[Site, ...]
    n_outputs: int
    probe: Tensor
    size: tuple[int, int]
    attribution: AttributionPlan
    ablaters: dict[Site, Ablater]
    slow: dict[Site, str]
    sweep_seconds: float

    @cached_property
    def view(self) -> InputView:
        """How to turn inputs back into pictures."""
        return InputView.probe(self.model.transform, self.size)

    @cached_property
    def baseline_input(self) -> Tensor:
        """Where integrated gradients start: the transformed black image."""
        return black_input(self.model.transform, self.size)

    @cached_property
    def weights_digest(self) -> str:
        """What names the network's weights: a hash over all of them."""
        return state_digest(self.model.network)

    @property
    def workers(self) -> int:
        """Processes that decode images."""
        chosen = self.options.workers
        return default_workers(len(self.candidates)) if chosen is None else chosen

    def of_training(self) -> "Plan | None":
        """Return the same plan for the training images, or None: all but attributions, which nobody compares."""
        if self.train is None:
            return None
        names = [site.name for site in self.sites]
        attribution = AttributionPlan(dict.fromkeys(names, ()), {name: {} for name in names}, 0, 0.0, 0.0, False)
        seconds = self.sweep_seconds * len(self.train) / len(self.candidates)
        return replace(self, candidates=self.train, train=None, attribution=attribution, sweep_seconds=seconds)

    def identity(self) -> dict[str, Any]:
        """Return everything that decides what the run computes, under the names by which a person knows it."""
        options = self.options
        return {
            "MODEL": self.model.spec,
            "--weights": options.weights,
            "the network's weights": self.weights_digest,
            "--images": str(self.candidates.root),
            "the list of images": self.candidates.digest(),
            "--train-images": None if self.train is None else str(self.train.root),
            "the list of training images": None if self.train is None else self.train.digest(),
            "the classes' outputs": self.classes.output_index.tolist(),
            "--layer": [site.name for site in self.sites],
            "--ablation": list(options.ablation),
            "--attribution": None if options.attribution is None else list(options.attribution),
            "--top-k": options.top_k,
            "--limit": options.limit,
            "--shard-size": options.shard_size,
            "--batch-size": options.batch_size,
            "--precision": options.precision,
            "--device": self.device.type,
        }


def make_plan(options: RunOptions) -> Plan:
    """Load the network, list the images and settle everything else.

    Raises
    ------
    UnitscopeError
        For anything that cannot work.
    """
    _refuse_unknown("--ablation", options.ablation, ABLATION_KINDS)
    _refuse_unknown("--precision", [options.precision], [precision.value for precision in Precision])
    _refuse_unknown("--attribution", options.attribution or (), tuple(METHODS))
    device = pick_device(options.device)
    candidates = list_images(options.images, options.limit)
    train = _training_images(options, candidates)
    model = load_model(options.model, options.weights)
    model = replace(model, network=model.network.to(device))
    probe, size = _probe(candidates, model)
    n_outputs = logits(model.network, probe[:1]).shape[1]
    classes = resolve_classes(candidates.class_names, n_outputs, options.classes_file)
    known = list_sites(model.network, probe[:2])
    sites = tuple(sorted({find_site(known, name) for name in options.layers}, key=lambda site: site.order))
    precision = Precision(options.precision)
    chosen = {
        site: make_ablater(model.network, site, probe.to(device), batch_size=options.batch_size, precision=precision)
        for site in sites
    }
    plan = Plan(
        options=options,
        model=model,
        device=device,
        candidates=candidates,
        train=train,
        classes=classes,
        sites=sites,
        n_outputs=n_outputs,
        probe=probe,
        size=size,
        attribution=AttributionPlan({}, {}, 0, 0.0, 0.0, False),
        ablaters={site: ablater for site, (ablater, _) in chosen.items()},
        slow={site: reason for site, (_, reason) in chosen.items() if reason is not None},
        sweep_seconds=0.0,
    )
    return replace(plan, attribution=_attribution_plan(plan), sweep_seconds=_sweep_seconds(plan))


def _refuse_unknown(option: str, asked: Sequence[str], known: Sequence[str]) -> None:
    for name in asked:
        if name not in known:
            raise OptionError(f"{option} {name}: there is no such kind. Choose of {', '.join(known)}.")


def _training_images(options: RunOptions, images: ImageList) -> ImageList | None:
    if options.train_images is None:
        return None
    train = list_training_images(options.train_images, images.class_names, options.limit)
    if train.root == images.root:
        raise OptionError(
            f"--train-images {train.root}: these are the images of --images. Training images are others, those that "
            "the network has learnt from."
        )
    return train


def _probe(candidates: ImageList, model: Model) -> tuple[Tensor, tuple[int, int]]:
    """Read the first few readable images: two at least, the same one twice where there is only one."""
    for batch in read_batches(candidates, model.transform, _eights(len(candidates)), workers=0):
        if batch.indices:
            with open_picture(candidates.root / candidates.paths[batch.indices[0]]) as picture:
                size = picture.size
            inputs = batch.inputs
            return (inputs if len(inputs) > 1 else inputs.repeat(2, 1, 1, 1)), size
    raise ImageFolderError(
        f"{candidates.root}: none of its {len(candidates)} files can be read as an image. "
        "Give a folder with one sub-folder of pictures for each class."
    )


def _eights(n: int) -> list[range]:
    return [range(start, min(start + 8, n)) for start in range(0, n, 8)]


# What it will cost


def _sweep_seconds(plan: Plan) -> float:
    """Time short sweeps of every layer and scale up."""
    n_images = len(plan.candidates)
    shard = min(plan.options.shard_size, n_images)
    total = 0.0
    for site, ablater in plan.ablaters.items():
        cost = measure_cost(ablater, plan.probe, each_unit([0.0] * site.n_units))
        total += cost.seconds(n_images, site.n_units + len(no_ops(site.n_units)), shard_size=shard)
    return total * len(plan.options.ablation)


def _attribution_plan(plan: Plan) -> AttributionPlan:
    asked = tuple(METHODS) if plan.options.attribution is None else plan.options.attribution
    left_out = {site.name: _left_out(plan, site, asked) for site in plan.sites}
    full = _costed(plan, asked, left_out, min(USUAL_EXEMPLARS, plan.options.top_k))
    if plan.options.attribution is not None or (full.seconds <= BOUND_SECONDS and full.bytes <= BOUND_BYTES):
        return full
    fewer = _costed(plan, ("gradient",), left_out, min(FEW_EXEMPLARS, plan.options.top_k))
    return replace(fewer, reduced=True)


def _left_out(plan: Plan, site: Site, asked: Sequence[str]) -> dict[str, str]:
    rewriting = [name for name in asked if METHODS[name].rewrites_relu]
    reason = unrectifiable(plan.model.network, site, plan.probe[:2]) if rewriting else None
    return {} if reason is None else dict.fromkeys(rewriting, reason)


def _costed(plan: Plan, asked: Sequence[str], left_out: dict[str, dict[str, str]], n_exemplars: int) -> AttributionPlan:
    methods = {site.name: tuple(name for name in asked if name not in left_out[site.name]) for site in plan.sites}
    seconds, size = 0.0, 0.0
    height, width = (min(side, MAX_ATTRIBUTION_MAP_SIDE) for side in plan.probe.shape[2:])
    for site in plan.sites:
        maps = site.n_units * min(n_exemplars, len(plan.candidates))
        passes = sum(METHODS[name].passes for name in methods[site.name])
        if passes:
            seconds += maps * passes * _pass_seconds(plan, site)
        size += maps * len(methods[site.name]) * height * width * 2
    return AttributionPlan(methods, left_out, n_exemplars, seconds, size, False)


def _pass_seconds(plan: Plan, site: Site) -> float:
    """Time one forward and backward pass of one image through the part of the network up to a layer."""
    first = torch.zeros(len(plan.probe), dtype=torch.int64)
    seconds = []
    for _ in range(2):  # the first pass of a network is slow
        started = perf_counter()
        attribute(
            METHODS["gradient"],
            plan.model.network,
            site,
            plan.probe,
            Targets(first, first, first),
            baseline=torch.zeros_like(plan.probe[0]),
        )
        seconds.append(perf_counter() - started)
    return min(seconds) / len(plan.probe)


def store_bytes(plan: Plan) -> float:
    """Estimate the size of the store: what is written, before compression.

    Maps and per-image numbers make up nearly all of it.
    """
    training = plan.of_training()
    return _bytes(plan) + (0 if training is None else _bytes(training))


def _bytes(plan: Plan) -> float:
    n_images, k = len(plan.candidates), min(plan.options.top_k, len(plan.candidates))
    total = plan.attribution.bytes
    named = 0
    for site in plan.sites:
        per_image = 2 * 4 + 2 * len(plan.options.ablation)
        height, width = (min(side, MAX_EXEMPLAR_MAP_SIDE) for side in site.spatial_shape or (1, 1))
        total += site.n_units * (n_images * per_image + 3 * k * height * width * 2)
        named += site.n_units * 3 * k
    return total + min(named, n_images) * 5_000


# Without images


def example_inputs(model: Model) -> Tensor:
    """Return two inputs that a network can take, made of even grey, where there are no images at hand.

    Raises
    ------
    ModelError
        Where the network takes none of the usual sizes.
    """
    for side in _USUAL_SIDES:
        picture = Image.new("RGB", (side, side), (128, 128, 128))
        inputs = apply_transform(model.transform, picture, "an even grey picture").repeat(2, 1, 1, 1)
        try:
            logits(model.network, inputs)
        except ModelError as error:
            refusal = error
        else:
            return inputs
    raise refusal
