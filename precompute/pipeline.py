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
from precompute.images.loading import Batch
from precompute.images.picture import thumbnail
from precompute.merge import gallery as merge_gallery
from precompute.merge.images import Swept, bad_count, swept, unit_means
from precompute.merge.provenance import completed, sweep_record, sweep_report
from precompute.merge.sweep import Merged, write_network, write_sweep
from precompute.models.device import exact_float32
from precompute.models.sites import Site
from precompute.options import RunOptions
from precompute.plan import AttributionPlan, Plan
from precompute.progress import Progress, Stage
from precompute.shards import arrays as named
from precompute.shards.folder import ShardFolder, opened
from precompute.shards.reading import cut, read_shards
from precompute.stages.ablation import sweep
from precompute.stages.activations import answer
from precompute.stages.attribution import METHODS
from precompute.stages.exemplars import Wanted, wanted
from precompute.stages.gallery import Look, attribution_maps, exemplar_maps
from precompute.store.schema import MAX_ATTRIBUTION_MAP_SIDE, MAX_EXEMPLAR_MAP_SIDE
from precompute.store.train_writer import TrainWriter
from precompute.store.writer import StoreWriter

STAGES = {"unit means": 0.05, "sweep": 0.6, "merge": 0.05, "exemplars": 0.3}
"""The stages of a run, with the share of its time that each is expected to take."""
TRAIN_STAGES = {"training sweep": 1.2, "training merge": 0.1, "training exemplars": 0.1}
"""Those that training images add, as multiples of the time without."""
_TOLERATED_BAD = 0.05

Positions = Sequence[int] | np.ndarray


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
    training
        The same of the training images; None where there are none.
    """

    accuracy: float
    n_images: int
    skipped: tuple[tuple[str, str], ...]
    flips: dict[str, int]
    sweeps: tuple[str, ...]
    seconds: dict[str, float]
    training: "Summary | None" = None


@dataclass(frozen=True, eq=False)
class _Part:
    """One set of images of a run: those that it is about, or training images.

    Parameters
    ----------
    plan
        The run's, as far as it is about these images.
    folder
        Their side files.
    of
        What the names of their stages begin with.
    """

    plan: Plan
    folder: ShardFolder
    of: str = ""

    def cut(self, stem: str, n: int) -> dict[str, range]:
        """Cut positions 0 to n into named shards."""
        return cut(stem, n, self.plan.options.shard_size)

    def todo(self, shards: Mapping[str, Positions]) -> dict[str, Positions]:
        """Return the shards that are not done."""
        return {name: positions for name, positions in shards.items() if not self.folder.has(name)}

    def read(self, images: ImageList, shards: Mapping[str, Positions]) -> Iterator[tuple[str, Batch]]:
        """Read the images of some shards."""
        options, transform = self.plan.options, self.plan.model.transform
        return read_shards(images, shards, transform, batch_size=options.batch_size, workers=self.plan.workers)


@dataclass(frozen=True, eq=False)
class _Done:
    """What a finished part comes to: its images, what was merged of them, the record of its sweep."""

    images: Swept
    merged: Merged
    record: dict[str, Any]

    def summary(self, seconds: dict[str, float]) -> Summary:
        """Say it in short."""
        images, merged, sweeps = self.images, self.merged, sweep_report(self.record)
        return Summary(merged.accuracy, len(images.list), images.skipped, merged.flips, sweeps, seconds)


def run(plan: Plan, progress: Progress, provenance: dict[str, Any]) -> Summary:
    """Carry out a plan and write its store.

    Parameters
    ----------
    plan
        Of `precompute.plan.make_plan`.
    progress
        Shows the stages, `STAGES`, with training images also `TRAIN_STAGES`.
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
            parts = _parts(plan, folder)
            means = _unit_means(parts[0], progress) if "mean" in plan.options.ablation else {}
            images = [_sweep_all(part, means, progress) for part in parts]
            with StoreWriter(out) as writer:
                write_network(writer, plan)
                done = [_write(writer, part, held, progress) for part, held in zip(parts, images, strict=True)]
                record = completed(provenance, plan, [of.record for of in done])
                writer.finish(json.dumps(record, indent=1))
        folder.remove()
    found = [of.summary(dict(progress.seconds)) for of in done]
    return replace(found[0], training=found[1]) if found[1:] else found[0]


def _parts(plan: Plan, folder: ShardFolder) -> list[_Part]:
    training = plan.of_training()
    trained = [] if training is None else [_Part(training, folder.below("training"), "training ")]
    return [_Part(plan, folder), *trained]


def _write(writer: StoreWriter, part: _Part, images: Swept, progress: Progress) -> _Done:
    """Write all that the store holds of one set of images, looking again at those that are shown."""
    plan, target = part.plan, TrainWriter(writer) if part.of else writer
    with progress.stage(f"{part.of}merge", len(plan.sites), unit="layers") as stage:
        merged = write_sweep(target, plan, part.folder, images, stage.advance)
    shards = _look_all(part, images, merged, progress)
    merge_gallery.write_gallery(target, plan, part.folder, shards, images, merged)
    return _Done(images, merged, sweep_record(plan, part.folder, images))


def _with_settled_attribution(plan: Plan, folder: ShardFolder) -> Plan:
    """Keep to the attributions chosen when the run began: the choice rests on a timing."""
    settled = folder.settled("attribution", asdict(plan.attribution))
    settled["methods"] = {layer: tuple(methods) for layer, methods in settled["methods"].items()}
    return replace(plan, attribution=AttributionPlan(**settled))


# The sweep


def _sweep_all(part: _Part, means: Mapping[Site, np.ndarray], progress: Progress) -> Swept:
    """Sweep every shard that is not yet swept, and return the images that could be read."""
    plan, folder = part.plan, part.folder
    shards = part.cut("sweep", len(plan.candidates))
    todo = part.todo(shards)
    pairs = sum(site.n_units for site in plan.sites) * len(plan.options.ablation)
    bad = bad_count(folder, [name for name in shards if name not in todo])
    with progress.stage(f"{part.of}sweep", pairs * len(plan.candidates), unit="ablated images") as stage:
        stage.advance(pairs * (len(plan.candidates) - sum(map(len, todo.values()))))
        for name, batch in part.read(plan.candidates, todo):
            folder.write(name, _sweep_one(plan, batch, means, stage))
            stage.advance(pairs * len(batch.bad))
            bad += len(batch.bad)
            _refuse_too_many_bad(plan, bad)
    return swept(plan.candidates, folder, list(shards))


def _sweep_one(plan: Plan, batch: Batch, means: Mapping[Site, np.ndarray], stage: Stage) -> dict[str, np.ndarray]:
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


def _unit_means(part: _Part, progress: Progress) -> dict[Site, np.ndarray]:
    """Mean activation of every unit over all images and over space: one pass before the sweep."""
    plan, folder = part.plan, part.folder
    shards = part.cut("means", len(plan.candidates))
    with progress.stage("unit means", len(plan.candidates)) as stage:
        for name, batch in part.read(plan.candidates, part.todo(shards)):
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


def _look_all(part: _Part, images: Swept, merged: Merged, progress: Progress) -> list[str]:
    """Read the images that some exemplar list names once more, for thumbnails, maps and attributions."""
    plan, shown = part.plan, merged.named_images()
    shards = {name: shown[cut.start : cut.stop] for name, cut in part.cut("look", len(shown)).items()}
    todo = part.todo(shards)
    look = Look(plan.model.network, plan.baseline_input, plan.options.batch_size, MAX_ATTRIBUTION_MAP_SIDE)
    steps = {name: _n_steps(plan, merged, positions) for name, positions in shards.items()}
    with progress.stage(f"{part.of}exemplars", sum(steps.values()), unit="maps") as stage:
        stage.advance(sum(steps[name] for name in shards if name not in todo))
        for name, batch in part.read(images.list, todo):
            part.folder.write(name, _look_one(plan, look, batch, merged, stage))
    return list(shards)


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


# The disk


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
