"""The second pass, over the images in exemplar lists: thumbnails, maps and attributions."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import numpy as np
from torch import Tensor

from precompute.attribution_methods import METHODS
from precompute.errors import ImageFolderError
from precompute.images.loading import Batch
from precompute.images.picture import small_shape, thumbnail
from precompute.models.sites import Site
from precompute.progress import Progress
from precompute.run.image_set import ImageSet, ReadShard
from precompute.run.merge import Merged
from precompute.run.plan import Plan
from precompute.run.run_stages import EXEMPLARS
from precompute.run.shards import ShardFolder, array_name
from precompute.run.sweep import SweptImages
from precompute.stages.attribution import failure_of
from precompute.stages.exemplar_maps import Look, Maps, Peak, attribution_maps, exemplar_maps
from precompute.stages.exemplars import Wanted, wanted
from precompute.store.blocks import row_blocks
from precompute.store.pictures import write_pictures
from precompute.store.schema import (
    EXEMPLAR_KINDS,
    MAX_ATTRIBUTION_MAP_SIDE,
    MAX_EXEMPLAR_MAP_SIDE,
    MAX_THUMBNAIL_SIDE,
    layer_path,
)
from precompute.store.train_writer import Writer
from precompute.workers.recipe import Advance, Arrays


def write_exemplars(
    writer: Writer, image_set: ImageSet, images: SweptImages, merged: Merged, progress: Progress
) -> dict[str, dict[str, str]]:
    """Read the images in exemplar lists once more, and write thumbnails, maps and attributions.

    Parameters
    ----------
    writer
        The writer of the store, or of its training images.
    image_set
        The images.
    images
        The images that the sweep could read.
    merged
        The exemplar lists.
    progress
        Shows the stage ``exemplars``.

    Returns
    -------
    dict
        For every layer, the attribution methods that failed in this pass and are left out, each with the reason.

    Raises
    ------
    ImageFolderError
        If an image can no longer be read.
    """
    shards = _compute_shards(image_set, images, merged, progress)
    write_pictures(writer, len(images.list), _pictures(image_set.folder, shards))
    return _write_layers(writer, image_set, shards, merged)


def _compute_shards(image_set: ImageSet, images: SweptImages, merged: Merged, progress: Progress) -> list[str]:
    """Compute thumbnails, maps and attributions; return the names of the shards that hold them."""
    plan, shown = image_set.plan, merged.shown_images()
    shards = {name: shown[part.start : part.stop] for name, part in image_set.cut("look", len(shown)).items()}
    todo = image_set.todo(shards)
    steps = {name: _n_steps(plan, merged, positions) for name, positions in shards.items()}
    with progress.stage(image_set.stage_prefix + EXEMPLARS, sum(steps.values()), unit="maps") as stage:
        stage.advance(sum(steps[name] for name in shards if name not in todo))
        attributed = {site: _attributed(plan, merged, site) for site in plan.sites}
        work = partial(_compute_shard, exemplars=merged.exemplars, attributed=attributed)
        for _name in image_set.compute(work, images.list, todo, stage):
            pass
    return list(shards)


def _attributed(plan: Plan, merged: Merged, site: Site) -> dict[str, int]:
    """Return for each method how many top exemplars of each unit get maps: no more than the lists are long."""
    k = merged.exemplars[site].shape[1] // len(EXEMPLAR_KINDS)
    return {name: min(n_exemplars, k) for name, n_exemplars in plan.attribution.exemplars[site.name].items()}


def _n_steps(plan: Plan, merged: Merged, positions: np.ndarray) -> int:
    """Count the steps of a shard: one for each image, and one for each attribution map."""
    maps = 0
    for site in plan.sites:
        for n_exemplars in _attributed(plan, merged, site).values():
            maps += int(np.isin(merged.exemplars[site][:, :n_exemplars], positions).sum())
    return len(positions) + maps


def _compute_shard(
    plan: Plan,
    shard: ReadShard,
    advance: Advance,
    *,
    exemplars: Mapping[Site, np.ndarray],
    attributed: Mapping[Site, Mapping[str, int]],
) -> Arrays:
    """Compute the thumbnails, maps and attributions of one shard.

    Parameters
    ----------
    plan
        The plan of the run.
    shard
        The images.
    advance
        Is called with the number of steps that are done; see `_n_steps`.
    exemplars
        For every layer (unit, kind times exemplar), see `Merged.exemplars`.
    attributed
        For every layer and method, how many top exemplars of each unit get maps.
    """
    batch = shard.batch
    if batch.bad:
        position, reason = batch.bad[0]
        raise ImageFolderError(
            f"{plan.candidates.root}: image {position} of the list could be read before and cannot be read now "
            f"({reason}). Put the folder back as it was and add --resume, or start over."
        )
    view = plan.view
    pictures = [thumbnail(view.picture(inputs), MAX_THUMBNAIL_SIDE) for inputs in batch.inputs]
    arrays = thumbnail_arrays(batch, pictures)
    wanted_of = {site: wanted(exemplars[site], batch.indices) for site in plan.sites}
    maps, peak = exemplar_maps(
        plan.model.network, wanted_of, batch.inputs, batch_size=plan.options.batch_size, side=MAX_EXEMPLAR_MAP_SIDE
    )
    for number, site in enumerate(plan.sites):
        arrays |= map_arrays(number, "exemplar", maps[site])
        for name, n_exemplars in attributed[site].items():
            first = wanted_of[site].slot < n_exemplars
            at = (peak[site][0][first], peak[site][1][first])
            of = batch.inputs, wanted_of[site].take(first), at
            arrays |= _attributions(plan.looks[site], number, name, of, advance)
    advance(len(batch.indices))
    return arrays


def _attributions(look: Look, number: int, name: str, of: tuple[Tensor, Wanted, Peak], advance: Advance) -> Arrays:
    """Make the maps of a method. If it fails, keep the reason instead: the rest of the run does not need the maps."""
    try:
        found = attribution_maps(look, METHODS[name], *of, advance)
    except Exception as error:  # the user's network can fail in any way
        return failure_arrays(number, name, failure_of(error))
    if not np.isfinite(found.map).all():
        return failure_arrays(number, name, "It gives NaN or infinity on some images.")
    return map_arrays(number, name, found)


# The arrays of a shard


def thumbnail_arrays(batch: Batch, pictures: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Return the thumbnails of a shard as arrays by name: all bytes in a row, and the edges between them."""
    edges = np.cumsum([0, *map(len, pictures)])
    return {
        "image": np.array(batch.indices, dtype=np.int64),
        "thumbnail": np.frombuffer(b"".join(pictures), dtype=np.uint8),
        "thumbnail_edges": edges,
    }


def map_arrays(number: int, of: str, maps: Maps) -> dict[str, np.ndarray]:
    """Return exemplar maps, or the maps of an attribution method, as arrays by name."""
    arrays = {
        array_name(number, of, "unit"): maps.unit,
        array_name(number, of, "slot"): maps.slot,
        array_name(number, of, "map"): maps.map,
    }
    return arrays if maps.error is None else arrays | {array_name(number, of, "error"): maps.error}


def failure_arrays(number: int, of: str, reason: str) -> dict[str, np.ndarray]:
    """Return, as an array by name, why an attribution method has no maps in a shard."""
    return {array_name(number, of, "failed"): np.array([reason], dtype=np.str_)}


# From the shards to the store


def _write_layers(
    writer: Writer, image_set: ImageSet, shards: Sequence[str], merged: Merged
) -> dict[str, dict[str, str]]:
    """Write the maps of every layer; return the attribution methods that failed, each with the reason."""
    plan, folder = image_set.plan, image_set.folder
    failed: dict[str, dict[str, str]] = {site.name: {} for site in plan.sites}
    for number, site in enumerate(plan.sites):
        n_slots = merged.exemplars[site].shape[1]
        k = n_slots // len(EXEMPLAR_KINDS)
        paths = {layer_path(site.name, "exemplar", kind, "map"): (i * k, k) for i, kind in enumerate(EXEMPLAR_KINDS)}
        _write_maps(writer, folder, shards, array_name(number, "exemplar"), site.n_units, paths)
        for method in plan.attribution.exemplars[site.name]:
            reason = _failure(folder, shards, array_name(number, method, "failed"))
            if reason is None:
                _write_attribution(writer, plan, folder, shards, number, method, min(plan.attribution.n_exemplars, k))
            else:
                failed[site.name][method] = reason
        for method, reason in (plan.attribution.left_out[site.name] | failed[site.name]).items():
            writer.describe(layer_path(site.name, "attribution", method), {"left_out": reason})
    return failed


def _failure(folder: ShardFolder, shards: Sequence[str], name: str) -> str | None:
    """Return why a method failed in the first shard where it did; None if it failed in no shard."""
    return next((str(folder.read(shard, name)[0]) for shard in shards if name in folder.names(shard)), None)


def _pictures(folder: ShardFolder, shards: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """Yield the images and their thumbnails, in order of image."""
    for shard in shards:
        edges, data = folder.read(shard, "thumbnail_edges"), folder.read(shard, "thumbnail")
        for row, image in enumerate(folder.read(shard, "image")):
            yield int(image), data[edges[row] : edges[row + 1]].tobytes()


def _write_attribution(
    writer: Writer, plan: Plan, folder: ShardFolder, shards: Sequence[str], number: int, method: str, n_maps: int
) -> None:
    """Write the maps of one method, which of them were computed, and how far they miss the activation if known."""
    site, name = plan.sites[number], array_name(number, method)
    group = layer_path(site.name, "attribution", method)
    n_computed = plan.attribution.exemplars[site.name][method]
    _write_maps(writer, folder, shards, name, site.n_units, {f"{group}/map": (0, n_maps)}, size=_size(plan))
    writer.write(f"{group}/computed", np.tile(np.arange(n_maps) < n_computed, (site.n_units, 1)))
    if METHODS[method].sums_up:
        error = np.full((site.n_units, n_maps), np.nan, dtype=np.float32)
        for shard in shards:
            unit, slot, found = (folder.read(shard, f"{name}-{part}") for part in ("unit", "slot", "error"))
            error[unit, slot] = found
        writer.write(f"{group}/error", error)
    if getattr(plan.activations_at[site], "leaves_out_clipping", False):
        writer.describe(group, {"of": "the activation before it is clipped from above"})


def _size(plan: Plan) -> tuple[int, ...]:
    """Return height and width of attribution maps in the store."""
    return small_shape(plan.probe.shape[2:], MAX_ATTRIBUTION_MAP_SIDE)


def _write_maps(
    writer: Writer,
    folder: ShardFolder,
    shards: Sequence[str],
    name: str,
    n_units: int,
    paths: Mapping[str, tuple[int, int]],
    *,
    size: tuple[int, ...] | None = None,
) -> None:
    """Write the maps of all shards to datasets.

    Parameters
    ----------
    writer
        The writer of the store, or of its training images.
    folder, shards
        The side files, and the names of the shards.
    name
        What the names of the arrays begin with.
    n_units
        The number of units of the layer.
    paths
        For every dataset its first slot, and its number of slots. A slot is a place in a unit's exemplar lists, which
        stand one after the other.
    size
        Height and width of the maps; by default that of the maps in the side files.
    """
    held = [shard for shard in shards if len(folder.read(shard, f"{name}-unit"))]
    side = size or folder.read(held[0], f"{name}-map").shape[1:]
    n_slots = max(first + count for first, count in paths.values())
    targets = {path: writer.create(path, (n_units, count, *side)) for path, (_, count) in paths.items()}
    for block in row_blocks(n_units, n_slots * int(np.prod(side)) * 2):
        maps = np.full((block.stop - block.start, n_slots, *side), np.nan, dtype=np.float16)
        for shard in held:
            unit = folder.read(shard, f"{name}-unit")
            here = slice(*np.searchsorted(unit, [block.start, block.stop]))
            maps[unit[here] - block.start, folder.read(shard, f"{name}-slot")[here]] = folder.read(
                shard, f"{name}-map"
            )[here]
        for path, (first, count) in paths.items():
            targets[path][block] = maps[:, first : first + count]
