"""Pictures and maps: from the shards of the second look to the store."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from precompute.attribution_methods import METHODS
from precompute.images.picture import small_shape
from precompute.run.blocks import blocks
from precompute.run.merge import Merged
from precompute.run.plan import Plan
from precompute.run.readable import Swept
from precompute.run.shard_arrays import array_name
from precompute.run.shards import ShardFolder
from precompute.store.pictures import write_pictures
from precompute.store.schema import EXEMPLAR_KINDS, MAX_ATTRIBUTION_MAP_SIDE, layer_path
from precompute.store.train_writer import Writer


def write_gallery(
    writer: Writer,
    plan: Plan,
    folder: ShardFolder,
    shards: Sequence[str],
    images: Swept,
    merged: Merged,
) -> dict[str, dict[str, str]]:
    """Write thumbnails, exemplar maps and attributions.

    Returns
    -------
    dict
        For every layer the attribution methods that were left out because they failed on the way, with the reason.
    """
    write_pictures(writer, len(images.list), _pictures(folder, shards))
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
    """Return why a method failed in the first shard in which it did; None where it did in none."""
    return next((str(folder.read(shard, name)[0]) for shard in shards if name in folder.names(shard)), None)


def _pictures(folder: ShardFolder, shards: Sequence[str]) -> Iterator[tuple[int, bytes]]:
    """List image and thumbnail, in order of image."""
    for shard in shards:
        edges, data = folder.read(shard, "thumbnail_edges"), folder.read(shard, "thumbnail")
        for row, image in enumerate(folder.read(shard, "image")):
            yield int(image), data[edges[row] : edges[row + 1]].tobytes()


def _write_attribution(
    writer: Writer, plan: Plan, folder: ShardFolder, shards: Sequence[str], number: int, method: str, n_maps: int
) -> None:
    """Write the maps of one method, which of them were computed, and how exact they are where that is known."""
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
    """Return height and width of attribution maps."""
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
    """Scatter the shards' maps to datasets; each path takes some slots: the first, and how many."""
    held = [shard for shard in shards if len(folder.read(shard, f"{name}-unit"))]
    side = size or folder.read(held[0], f"{name}-map").shape[1:]
    n_slots = max(first + count for first, count in paths.values())
    targets = {path: writer.create(path, (n_units, count, *side)) for path, (_, count) in paths.items()}
    for block in blocks(n_units, n_slots * int(np.prod(side)) * 2):
        maps = np.full((block.stop - block.start, n_slots, *side), np.nan, dtype=np.float16)
        for shard in held:
            unit = folder.read(shard, f"{name}-unit")
            here = slice(*np.searchsorted(unit, [block.start, block.stop]))
            maps[unit[here] - block.start, folder.read(shard, f"{name}-slot")[here]] = folder.read(
                shard, f"{name}-map"
            )[here]
        for path, (first, count) in paths.items():
            targets[path][block] = maps[:, first : first + count]
