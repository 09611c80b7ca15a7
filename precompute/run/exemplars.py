"""The second look at the images that are shown: thumbnails, maps and attributions."""

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from precompute.ablation.batch_sizes import memory_budget
from precompute.attribution_methods import METHODS
from precompute.errors import ImageFolderError
from precompute.images.loading import Batch
from precompute.images.picture import thumbnail
from precompute.models.sites import Site
from precompute.progress import Progress, Stage
from precompute.run import shard_arrays as named
from precompute.run.image_set import Part
from precompute.run.merge import Merged
from precompute.run.plan import Plan
from precompute.run.readable import Swept
from precompute.stages.activation_at import ActivationAt, rows_within
from precompute.stages.attribution import failure_of
from precompute.stages.exemplar_maps import Look, attribution_maps, exemplar_maps
from precompute.stages.exemplars import Wanted, wanted
from precompute.store.schema import (
    EXEMPLAR_KINDS,
    MAX_ATTRIBUTION_MAP_SIDE,
    MAX_EXEMPLAR_MAP_SIDE,
    MAX_THUMBNAIL_SIDE,
)

Peak = tuple[np.ndarray, np.ndarray]


def look_again(part: Part, images: Swept, merged: Merged, progress: Progress) -> list[str]:
    """Read the images that some exemplar list names once more, for thumbnails, maps and attributions.

    Parameters
    ----------
    part
        The images.
    images
        Those of them that could be read.
    merged
        Names those that are shown.
    progress
        Shows the stage ``exemplars``.

    Returns
    -------
    list of str
        The shards, whose side files now hold all that.

    Raises
    ------
    ImageFolderError
        When an image can no longer be read.
    """
    plan, shown = part.plan, merged.named_images()
    shards = {name: shown[cut.start : cut.stop] for name, cut in part.cut("look", len(shown)).items()}
    todo = part.todo(shards)
    looks = {site: _look(plan, network) for site, network in plan.activations_at.items()}
    steps = {name: _n_steps(plan, merged, positions) for name, positions in shards.items()}
    with progress.stage(f"{part.of}exemplars", sum(steps.values()), unit="maps") as stage:
        stage.advance(sum(steps[name] for name in shards if name not in todo))
        for name, batch in part.read(images.list, todo):
            part.folder.write(name, _look_one(plan, looks, batch, merged, stage))
    return list(shards)


def _look(plan: Plan, network: ActivationAt) -> Look:
    rows = rows_within(memory_budget(plan.device), network, plan.probe[:1])
    return Look(network, plan.baseline_input, min(rows, plan.options.batch_size), MAX_ATTRIBUTION_MAP_SIDE)


def _attributed(plan: Plan, merged: Merged, site: Site) -> dict[str, int]:
    """Return for each method how many of the top exemplars of a layer get maps: no more than there are images."""
    k = merged.exemplars[site].shape[1] // len(EXEMPLAR_KINDS)
    return {name: min(n_exemplars, k) for name, n_exemplars in plan.attribution.exemplars[site.name].items()}


def _n_steps(plan: Plan, merged: Merged, positions: np.ndarray) -> int:
    """Count the steps of a shard: an image, and each attribution map, is one."""
    maps = 0
    for site in plan.sites:
        for n_exemplars in _attributed(plan, merged, site).values():
            maps += int(np.isin(merged.exemplars[site][:, :n_exemplars], positions).sum())
    return len(positions) + maps


def _look_one(
    plan: Plan, looks: Mapping[Site, Look], batch: Batch, merged: Merged, stage: Stage
) -> dict[str, np.ndarray]:
    if batch.bad:
        position, reason = batch.bad[0]
        raise ImageFolderError(
            f"{plan.candidates.root}: image {position} of the list could be read before and now cannot ({reason}). "
            "Put the folder back as it was and add --resume, or start over."
        )
    view = plan.view
    pictures = [thumbnail(view.picture(inputs), MAX_THUMBNAIL_SIDE) for inputs in batch.inputs]
    arrays = named.thumbnail_arrays(batch, pictures)
    wanted_of = {site: wanted(merged.exemplars[site], batch.indices) for site in plan.sites}
    maps, peak = exemplar_maps(
        plan.model.network, wanted_of, batch.inputs, batch_size=plan.options.batch_size, side=MAX_EXEMPLAR_MAP_SIDE
    )
    for number, site in enumerate(plan.sites):
        arrays |= named.map_arrays(number, "exemplar", maps[site])
        for name, n_exemplars in _attributed(plan, merged, site).items():
            first = wanted_of[site].slot < n_exemplars
            at = (peak[site][0][first], peak[site][1][first])
            arrays |= _attributions(looks[site], number, name, (batch.inputs, wanted_of[site].take(first), at), stage)
    stage.advance(len(batch.indices))
    return arrays


def _attributions(
    look: Look, number: int, name: str, of: tuple[Tensor, Wanted, Peak], stage: Stage
) -> dict[str, np.ndarray]:
    """Make the maps of a method, or keep why it fails: the rest of the run does not depend on it."""
    try:
        found = attribution_maps(look, METHODS[name], *of, stage.advance)
    except Exception as error:  # what stands against it lies in the person's network, and can be anything
        return named.failure_arrays(number, name, failure_of(error))
    if not np.isfinite(found.map).all():
        return named.failure_arrays(number, name, "It gives NaN or infinity on some images.")
    return named.map_arrays(number, name, found)
