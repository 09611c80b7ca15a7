"""Make the plan of a run: load the network, list the images, find the layers, choose attributions, estimate the cost.

Whatever can be refused before the work begins is refused here.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor
from torch.nn import Conv2d

from precompute.ablation.ablations import Ablater
from precompute.ablation.factory import make_ablaters
from precompute.ablation.precision import Precision
from precompute.errors import ImageFolderError, ModelError, OptionError
from precompute.images.folder import ImageList, refuse_many_bad
from precompute.images.listing import ImageSource, Listing
from precompute.images.loading import apply_transform, read_batches, seen_size
from precompute.images.repeatable import refuse_random
from precompute.images.survey import survey_files
from precompute.models.changed_later import refuse_changed_later
from precompute.models.device import pick_device
from precompute.models.forward import run
from precompute.models.load import Model, load_model
from precompute.models.sites import Site, find_sites, hooked, units_on_conditions
from precompute.models.state_dict import state_digest
from precompute.models.trust import trusted
from precompute.models.units_on import UnitsOn
from precompute.options import RunOptions
from precompute.run.attribution_choice import with_attributions
from precompute.run.cost import with_costs
from precompute.run.plan import AttributionPlan, Plan

_USUAL_SIDES = (224, 299, 96, 64, 32, 28)


def make_plan(options: RunOptions, note: Callable[[str], object] = lambda _: None) -> Plan:
    """Load the network, list the images, and decide everything else that a run needs.

    Parameters
    ----------
    options
        The options of the run.
    note
        Shows the user what is being done, as words that replace those before.

    Raises
    ------
    UnitscopeError
        If anything about the run cannot work.
    """
    device = pick_device(options.device)
    if options.precision == Precision.TF32.value and device.type != "cuda":
        raise OptionError(f"--precision tf32 needs CUDA, and the run computes on {device.type}. Leave it out.")
    note("listing the images")
    source = image_source(options)
    listing = _find_images(source, allow_bad=options.allow_bad)
    candidates, train = listing.images, listing.train
    note("loading the network")
    folder = Path.cwd()  # the network's file may change it
    model = load_model(options.model, options.weights)
    weights_digest = state_digest(model.network)
    model = replace(model, network=model.network.to(device))
    note("opening a few image files")
    seen = survey_files([candidates, *([] if train is None else [train])], model.loader, options.decoding)
    candidates = replace(candidates, load=seen.load)
    train = None if train is None else replace(train, load=seen.load)
    probe, size, names = _probe(candidates, model)
    note("checking the network on a few images")
    found = trusted(model.network, probe, names)
    classes = source.match_classes(candidates, found.n_outputs, model.output_names)
    sites = _find_layers(model, probe, options)
    note("choosing how to sweep each layer")
    chosen = _choose_ablaters(model, sites, probe.to(device), options)
    ablaters = {site: ablater for site, (ablater, _) in chosen.items()}
    plan = Plan(
        options=options,
        model=model,
        weights_digest=weights_digest,
        device=device,
        candidates=candidates,
        train=train,
        classes=classes,
        sites=sites,
        n_outputs=found.n_outputs,
        log_prob=found.log_prob,
        probe=probe,
        size=size,
        attribution=AttributionPlan.none(site.name for site in sites),
        activations_at={},
        ablaters=ablaters,
        slow={site: reason for site, (_, reason) in chosen.items() if reason is not None},
        kept=kept_outputs(ablaters, options.shard_size),
        pass_seconds=0.0,
        sweep_seconds=0.0,
        folder=folder,
        conditions=(
            *model.notes,
            *found.conditions,
            *listing.conditions,
            *seen.conditions,
            *units_on_conditions(sites),
            *hooked(model.network, sites),
        ),
    )
    note("timing a few ablations")
    plan = with_costs(plan)
    note("timing a few attribution maps")
    plan = with_attributions(plan)
    return replace(plan, conditions=(*plan.conditions, *_of_pictures(plan)))


def _find_images(source: ImageSource, *, allow_bad: bool) -> Listing:
    """List the images, and refuse them if too many of their files cannot be used."""
    listing = source.find_images()
    if not allow_bad:
        for images in filter(None, (listing.images, listing.train)):
            refuse_many_bad(images, images.left_out)
    return listing


def _find_layers(model: Model, probe: Tensor, options: RunOptions) -> tuple[Site, ...]:
    """Find the layers that the options name, each once, in the order in which the network calls them."""
    named = find_sites(model.network, probe[:2], options.layers, units_on=UnitsOn.read(options.units_on))
    sites = tuple(sorted(set(named), key=lambda site: site.order))
    refuse_changed_later(model.network, sites, probe)
    return sites


def _choose_ablaters(
    model: Model, sites: Sequence[Site], probe: Tensor, options: RunOptions
) -> dict[Site, tuple[Ablater, str | None]]:
    """Choose for every layer what sweeps it; with the reason where that is the plain method."""
    size, precision = options.batch_size, Precision(options.precision)
    return make_ablaters(model.network, sites, probe, batch_size=size, precision=precision)


def _of_pictures(plan: Plan) -> Iterator[str]:
    """Yield a condition for pictures that do not show the images exactly, and one for zeros in place of black."""
    if not plan.view.exact:
        yield f"The pictures of images show {plan.view.rule(plan.probe.shape[1])}."
    if plan.black is None and any("integrated_gradients" in methods for methods in plan.attribution.exemplars.values()):
        yield "Integrated gradients begin at an input of zeros, because the network takes no black picture."


def image_source(options: RunOptions) -> ImageSource:
    """Return what the options of a run say about its images."""
    return ImageSource(
        images=options.images,
        labels=options.labels,
        train_images=options.train_images,
        limit=options.limit,
        classes_file=options.classes_file,
        class_order=options.class_order,
        follow_links=options.follow_links,
    )


def kept_outputs(ablaters: Mapping[Site, Ablater], shard_size: int) -> frozenset[Site]:
    """Choose the layers whose outputs on a shard of images are kept in memory for their sweeps.

    The last layers come first, as many as fit into half of the memory: they save the most computation, because the
    most operations lie before them, and their outputs are the smallest.

    Parameters
    ----------
    ablaters
        For every layer, what sweeps it.
    shard_size
        The number of images in a shard.
    """
    kept: set[Site] = set()
    n_bytes = 0
    for site, ablater in sorted(ablaters.items(), key=lambda item: item[0].order, reverse=True):
        size = 4 * shard_size * site.n_units * site.n_positions
        if ablater.needs_layer_alone and n_bytes + size <= ablater.memory_bytes // 2:
            kept.add(site)
            n_bytes += size
    return frozenset(kept)


def _probe(candidates: ImageList, model: Model) -> tuple[Tensor, tuple[int, int] | None, list[str]]:
    """Read the first few readable images, at least two: a single one is taken twice.

    Returns
    -------
    tuple
        The images as inputs; width and height of the first image, see `Plan.size`; their names.
    """
    bad: list[tuple[int, str]] = []
    for batch in read_batches(candidates, model.transform, _eights(len(candidates)), workers=0):
        if batch.indices:
            refuse_random(candidates, model.transform, batch.indices)
            size, inputs = seen_size(candidates, batch.indices[0]), batch.inputs
            names = [candidates.paths[index] for index in batch.indices]
            return (inputs, size, names) if len(inputs) > 1 else (inputs.repeat(2, 1, 1, 1), size, names * 2)
        bad += batch.bad
    raise ImageFolderError(
        f"{candidates.root}: none of its {len(candidates)} files can be read as an image "
        f"({candidates.paths[bad[0][0]]}: {bad[0][1]}). Give a folder with one sub-folder of pictures for each class, "
        "or let the function of MODEL return a loader that can read these files."
    )


def _eights(n: int) -> list[range]:
    return [range(start, min(start + 8, n)) for start in range(0, n, 8)]


# Without images


def example_inputs(model: Model) -> Tensor:
    """Return two inputs that a network can take, for commands that have no images.

    They are made of an even grey picture. If MODEL brings its own loader, they are made of even numbers.

    Raises
    ------
    ModelError
        If the network takes none of the usual sizes.
    """
    refusals = []
    for side in _USUAL_SIDES:
        inputs = _even_input(model, side).repeat(2, 1, 1, 1)
        try:
            run(model.network, inputs)
        except ModelError as error:
            refusals.append(error)
        else:
            return inputs
    raise refusals[0]


def _even_input(model: Model, side: int) -> Tensor:
    if model.loader is None:
        picture = Image.new("RGB", (side, side), (128, 128, 128))
        return apply_transform(model.transform, picture, "an even grey picture")
    convolutions = (module for module in model.network.modules() if isinstance(module, Conv2d))
    return torch.full((next((module.in_channels for module in convolutions), 3), side, side), 0.5)
