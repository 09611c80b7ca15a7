"""The order of a run: sweep the images in shards, merge, look again at the images that are shown, finish.

A shard's result depends on no other shard. Whatever a shard finds goes to its side files at once, so an interrupted
run goes on where it was, and memory does not grow with the number of images.
"""

import errno
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from precompute.ablation.ablations import each_unit
from precompute.ablation.counts import Counts
from precompute.ablation.engine import Engine
from precompute.ablation.no_op import NoOpCheck
from precompute.errors import DiskError, ImageFolderError
from precompute.images.folder import ImageList
from precompute.images.loading import Batch, read_batches
from precompute.images.picture import thumbnail
from precompute.merge import gallery as merge_gallery
from precompute.merge.images import Swept, bad_count, swept, unit_means
from precompute.merge.provenance import completed, sweep_report
from precompute.merge.sweep import Merged, write_sweep
from precompute.models.device import exact_float32
from precompute.models.lineage import kernel_l1
from precompute.models.sites import Site
from precompute.options import RunOptions
from precompute.plan import AttributionPlan, Plan
from precompute.progress import Progress, Stage
from precompute.shards import arrays as named
from precompute.shards.folder import ShardFolder, opened
from precompute.stages.ablation import sweep
from precompute.stages.activations import answer
from precompute.stages.attribution import METHODS
from precompute.stages.exemplars import Wanted, wanted
from precompute.stages.gallery import Look, attribution_maps, exemplar_maps
from precompute.store.schema import MAX_ATTRIBUTION_MAP_SIDE, MAX_EXEMPLAR_MAP_SIDE
from precompute.store.writer import StoreWriter

STAGES = {"unit means": 0.05, "sweep": 0.6, "merge": 0.05, "exemplars": 0.3}
_TOLERATED_BAD = 0.05


@dataclass(frozen=True)
class Summary:
    """What a finished run has to say.

    Parameters
    ----------
    accuracy
        Share of the images that the network gets right with nothing ablated.
    n_images
        Images in the store.
    skipped
        Files that could not be read, with the reason.
    flips
        For every layer and kind of ablation, predictions that changed.
    sweeps
        Sentences on what each layer's sweep did and how exact it was.
    seconds
        Time of every stage.
    """

    accuracy: float
    n_images: int
    skipped: tuple[tuple[str, str], ...]
    flips: dict[str, int]
    sweeps: tuple[str, ...]
    seconds: dict[str, float]


def run(plan: Plan, progress: Progress, provenance: dict[str, Any]) -> Summary:
    """Carry out a plan and write its store.

    Parameters
    ----------
    plan
        Of `precompute.plan.make_plan`.
    progress
        Shows the stages, `STAGES`.
    provenance
        How the run came to be; completed with what the run finds out.

    Raises
    ------
    UnitscopeError
        When too many images cannot be read, the disk is full, or the side files belong to another run. An earlier store
        at the same place is left as it was.
    """
    out = plan.options.out
    side_files = out.with_name(out.name + ".shards")
    with _disk_errors(plan.options), opened(side_files, plan.identity(), resume=plan.options.resume) as folder:
        plan = _with_settled_attribution(plan, folder)
        with exact_float32():
            images = _sweep_all(plan, folder, progress)
            with StoreWriter(out) as writer:
                with progress.stage("merge", len(plan.sites), unit="layers") as stage:
                    norms = {site: kernel_l1(plan.model.network, site, plan.probe[:2]) for site in plan.sites}
                    merged = write_sweep(writer, plan, folder, images, norms, stage.advance)
                shards = _look_all(plan, folder, images, merged, progress)
                merge_gallery.write_gallery(writer, plan, folder, shards, images, merged)
                record = completed(provenance, plan, folder, images)
                writer.finish(json.dumps(record, indent=1))
        folder.remove()
    seconds = dict(progress.seconds)
    return Summary(merged.accuracy, len(images.list), images.skipped, merged.flips, sweep_report(record), seconds)


def _with_settled_attribution(plan: Plan, folder: ShardFolder) -> Plan:
    """Keep to the attributions chosen when the run began: the choice rests on a timing."""
    settled = folder.settled("attribution", asdict(plan.attribution))
    settled["methods"] = {layer: tuple(methods) for layer, methods in settled["methods"].items()}
    return replace(plan, attribution=AttributionPlan(**settled))


# The sweep


def _sweep_all(plan: Plan, folder: ShardFolder, progress: Progress) -> Swept:
    """Sweep every shard that is not yet swept, and return the images that could be read."""
    shards = _shards("sweep", len(plan.candidates), plan.options.shard_size)
    means = _unit_means(plan, folder, progress) if "mean" in plan.options.ablation else {}
    todo = {name: positions for name, positions in shards.items() if not folder.has(name)}
    pairs = sum(site.n_units for site in plan.sites) * len(plan.options.ablation)
    bad = bad_count(folder, [name for name in shards if name not in todo])
    with progress.stage("sweep", pairs * len(plan.candidates), unit="ablated images") as stage:
        stage.advance(pairs * (len(plan.candidates) - sum(map(len, todo.values()))))
        for name, batch in _read_shards(plan, plan.candidates, todo):
            folder.write(name, _sweep_one(plan, batch, means, stage))
            stage.advance(pairs * len(batch.bad))
            bad += len(batch.bad)
            _refuse_too_many_bad(plan, bad)
    return swept(plan.candidates, folder, list(shards))


def _sweep_one(plan: Plan, batch: Batch, means: dict[Site, np.ndarray], stage: Stage) -> dict[str, np.ndarray]:
    """Everything that one shard has to say."""
    network = plan.model.network
    arrays = named.bad_arrays(batch)
    if not batch.indices:
        return arrays
    found = answer(network, plan.sites, batch.inputs.split(plan.options.batch_size))
    target = plan.classes.output_index[plan.candidates.labels[list(batch.indices)]]
    arrays |= named.answer_arrays(found, target)
    prediction = torch.from_numpy(found.logits.argmax(axis=1))
    for number, site in enumerate(plan.sites):
        ablater = plan.ablaters[site]
        if isinstance(ablater, Engine):
            ablater.counts = Counts()
        check = NoOpCheck(ablater, site.n_units, prediction)
        for kind in plan.options.ablation:
            effect = sweep(
                check,
                batch.inputs,
                each_unit(means[site].tolist() if kind == "mean" else [0.0] * site.n_units),
                baseline=found.logits,
                target=target,
                advance=stage.advance,
            )
            arrays |= named.effect_arrays(number, kind, effect)
        arrays |= named.no_op_arrays(number, check)
        if isinstance(ablater, Engine):
            arrays |= named.count_arrays(number, ablater.counts)
    return arrays


def _unit_means(plan: Plan, folder: ShardFolder, progress: Progress) -> dict[Site, np.ndarray]:
    """Mean activation of every unit over all images and over space: one pass before the sweep."""
    shards = _shards("means", len(plan.candidates), plan.options.shard_size)
    todo = {name: positions for name, positions in shards.items() if not folder.has(name)}
    with progress.stage("unit means", len(plan.candidates)) as stage:
        for name, batch in _read_shards(plan, plan.candidates, todo):
            folder.write(name, _sums(plan, batch))
            stage.advance(len(batch.indices) + len(batch.bad))
    return unit_means(plan.sites, folder, list(shards))


def _sums(plan: Plan, batch: Batch) -> dict[str, np.ndarray]:
    if not batch.indices:
        return named.sum_arrays(None)
    return named.sum_arrays(answer(plan.model.network, plan.sites, batch.inputs.split(plan.options.batch_size)))


def _refuse_too_many_bad(plan: Plan, bad: int) -> None:
    if plan.options.allow_bad or bad <= _TOLERATED_BAD * len(plan.candidates):
        return
    raise ImageFolderError(
        f"{plan.candidates.root}: {bad} of {len(plan.candidates)} files cannot be read as images, more than "
        f"{_TOLERATED_BAD:.0%}. Mend or remove them, or add --allow-bad (and --resume) to leave them out."
    )


# The images that are shown


def _look_all(plan: Plan, folder: ShardFolder, images: Swept, merged: Merged, progress: Progress) -> list[str]:
    """Read the images that some exemplar list names once more, for thumbnails, maps and attributions."""
    shards = _look_shards(plan, merged)
    todo = {name: positions for name, positions in shards.items() if not folder.has(name)}
    look = Look(plan.model.network, plan.baseline_input, plan.options.batch_size, MAX_ATTRIBUTION_MAP_SIDE)
    steps = {name: _n_steps(plan, merged, positions) for name, positions in shards.items()}
    with progress.stage("exemplars", sum(steps.values()), unit="maps") as stage:
        stage.advance(sum(steps[name] for name in shards if name not in todo))
        for name, batch in _read_shards(plan, images.list, todo):
            folder.write(name, _look_one(plan, look, batch, merged, stage))
    return list(shards)


def _look_shards(plan: Plan, merged: Merged) -> dict[str, np.ndarray]:
    named = merged.named_images()
    cut = _shards("look", len(named), plan.options.shard_size)
    return {name: named[positions.start : positions.stop] for name, positions in cut.items()}


def _n_steps(plan: Plan, merged: Merged, positions: np.ndarray) -> int:
    """Count the steps of a shard: an image, and each attribution map, is one."""
    maps = 0
    for site in plan.sites:
        top = merged.exemplars[site][:, : plan.attribution.n_exemplars]
        maps += int(np.isin(top, positions).sum()) * len(plan.attribution.methods[site.name])
    return len(positions) + maps


def _look_one(plan: Plan, look: Look, batch: Batch, merged: Merged, stage: Stage) -> dict[str, np.ndarray]:
    if batch.bad:
        position, reason = batch.bad[0]
        raise ImageFolderError(
            f"{plan.candidates.root}: image {position} of the list could be read before and now cannot ({reason}). "
            "Put the folder back as it was and add --resume, or start over."
        )
    view = plan.view
    arrays = named.thumbnail_arrays(batch, [thumbnail(view.picture(inputs)) for inputs in batch.inputs])
    wanted_of = {site: wanted(merged.exemplars[site], batch.indices) for site in plan.sites}
    maps, peak = exemplar_maps(
        plan.model.network, wanted_of, batch.inputs, batch_size=plan.options.batch_size, side=MAX_EXEMPLAR_MAP_SIDE
    )
    for number, site in enumerate(plan.sites):
        arrays |= named.map_arrays(number, "exemplar", maps[site])
        chosen = wanted_of[site].slot < plan.attribution.n_exemplars
        top = Wanted(*(values[chosen] for values in (wanted_of[site].unit, wanted_of[site].slot, wanted_of[site].row)))
        at = (peak[site][0][chosen], peak[site][1][chosen])
        for name in plan.attribution.methods[site.name]:
            found = attribution_maps(look, METHODS[name], site, batch.inputs, top, at, stage.advance)
            arrays |= named.map_arrays(number, name, found)
    stage.advance(len(batch.indices))
    return arrays


# Shards


def _shards(stem: str, n: int, size: int) -> dict[str, range]:
    """Cut positions 0 to n into named shards."""
    return {
        f"{stem}-{number:05d}": range(start, min(start + size, n)) for number, start in enumerate(range(0, n, size))
    }


def _read_shards(
    plan: Plan, images: ImageList, shards: Mapping[str, Sequence[int] | np.ndarray]
) -> Iterator[tuple[str, Batch]]:
    """Read the images of each shard; decoding runs ahead in worker processes, in pieces of a batch."""
    pieces: list[tuple[str, list[int]]] = []
    for name, positions in shards.items():
        listed = [int(position) for position in positions]
        size = plan.options.batch_size
        pieces += [(name, listed[start : start + size]) for start in range(0, len(listed), size)]
    batches = read_batches(images, plan.model.transform, [piece for _, piece in pieces], workers=plan.workers)
    gathered: list[Batch] = []
    for position, ((name, _), batch) in enumerate(zip(pieces, batches, strict=True)):
        gathered.append(batch)
        if position + 1 == len(pieces) or pieces[position + 1][0] != name:
            yield name, _join(gathered)
            gathered = []


def _join(batches: Sequence[Batch]) -> Batch:
    inputs = [batch.inputs for batch in batches if batch.indices]
    return Batch(
        indices=tuple(index for batch in batches for index in batch.indices),
        inputs=torch.cat(inputs) if inputs else batches[0].inputs,
        bad=tuple(bad for batch in batches for bad in batch.bad),
    )


@contextmanager
def _disk_errors(options: RunOptions) -> Iterator[None]:
    """Say in words what the disk refuses."""
    try:
        yield
    except OSError as error:
        refused = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EPERM)
        if not refused and "No space left" not in str(error):
            raise
        raise DiskError(
            f"{options.out}: the disk refuses ({error.strerror or error}). Make room or choose another --out; "
            "what was computed so far is kept, add --resume to go on with it."
        ) from error
