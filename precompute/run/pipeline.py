"""The order of a run: sweep the images, merge, look again at the images that are shown, finish."""

import errno
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from precompute.ablation_kinds import kind_of
from precompute.errors import DiskError, EngineDoubted, StoreError
from precompute.models.device import exact_float32
from precompute.models.sites import Site
from precompute.options import RunOptions
from precompute.progress import Progress
from precompute.run.exemplar_merge import write_gallery
from precompute.run.exemplars import look_again
from precompute.run.image_set import Part
from precompute.run.means import find_unit_means
from precompute.run.merge import Merged, write_network, write_sweep
from precompute.run.plan import AttributionPlan, Plan
from precompute.run.readable import Swept
from precompute.run.record import completed, sweep_record, sweep_report
from precompute.run.shards import ShardFolder, digest_of, opened, side_files_of
from precompute.run.sweep import sweep_all
from precompute.store.place import place_of
from precompute.store.reader import open_store
from precompute.store.train_writer import TrainWriter
from precompute.store.writer import StoreWriter

STAGES = {"unit means": 0.05, "sweep": 0.6, "merge": 0.05, "exemplars": 0.3}
"""The stages of a run, with the share of its time that each is expected to take."""
TRAIN_STAGES = {"training sweep": 1.2, "training merge": 0.1, "training exemplars": 0.1}
"""Those that training images add, as multiples of the time without."""


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
class _Done:
    """What a finished part comes to: its images, what was merged of them, the record of its sweep."""

    images: Swept
    merged: Merged
    record: dict[str, Any]

    def summary(self, seconds: dict[str, float]) -> Summary:
        """Say it in short."""
        images, merged, sweeps = self.images, self.merged, sweep_report(self.record)
        return Summary(merged.accuracy, len(images.list), images.skipped, merged.flips, sweeps, seconds)


def run(
    plan: Plan,
    progress: Progress,
    provenance: dict[str, Any],
    *,
    say: Callable[[str], None],
    complete: Callable[[Path], None] = lambda _: None,
) -> Summary | None:
    """Carry out a plan and write its store.

    Parameters
    ----------
    plan
        Of `precompute.run.planning.make_plan`.
    progress
        Shows the stages, `STAGES`, with training images also `TRAIN_STAGES`.
    provenance
        How the run came to be; completed with what the run finds out.
    say
        Receives sentences for the person who waits.
    complete
        Adds to the store, which is whole but not in place yet, what needs all of it.

    Returns
    -------
    Summary or None
        None where the run, gone on with, was at its end already: its store is in place.

    Raises
    ------
    UnitscopeError
        When too many images cannot be read, the disk is full, or the side files belong to another run. An earlier store
        at the same place is left as it was.
    """
    out = place_of(plan.options.out)
    side_files, identity = side_files_of(out), plan.identity()
    with (
        _disk_errors(plan.options),
        opened(side_files, identity, plan.options.defaults(), resume=plan.options.resume, say=say) as folder,
    ):
        run_record = {"started": folder.started, "identity": digest_of(identity)}
        if plan.options.resume and _is_in_place(out, run_record, new=folder.new):
            folder.remove()
            return None
        plan = _with_settled_attribution(plan, folder)
        with exact_float32():
            plan, parts, images = _swept(plan, folder, progress, say)
            with StoreWriter(out) as writer:
                write_network(writer, plan)
                done = [_write(writer, part, held, progress) for part, held in zip(parts, images, strict=True)]
                record = completed(provenance | run_record, plan, [of.record for of in done])
                writer.seal(json.dumps(record, indent=1))
                complete(writer.part)
                writer.move()
        # Not before the store is in place with all that belongs to it: until then they are the only copy of the work.
        folder.remove()
    found = [of.summary(dict(progress.seconds)) for of in done]
    return replace(found[0], training=found[1]) if found[1:] else found[0]


def _is_in_place(out: Path, run_record: Mapping[str, str], *, new: bool) -> bool:
    """Tell whether the store of a run that was stopped is in place: it was stopped after that.

    Where nothing is left of the run but its store, a store of the same options is its.
    """
    try:
        with open_store(out) as store:
            held = {name: store.provenance.get(name) for name in run_record}
    except StoreError:
        return False
    return held["identity"] == run_record["identity"] and (new or held["started"] == run_record["started"])


def _swept(
    plan: Plan, folder: ShardFolder, progress: Progress, say: Callable[[str], None]
) -> tuple[Plan, list[Part], list[Swept]]:
    """Sweep all images; where the engine turns out to be wrong about a layer, once more by whole passes there."""
    doubted: dict[str, str] = folder.settled("doubted", {})
    while True:
        plan = plan.swept_plainly(doubted)
        parts = _parts(plan, folder)
        try:
            means = _means(parts[0], progress)
            return plan, parts, [sweep_all(part, means, progress) for part in parts]
        except EngineDoubted as doubt:
            say(f"{doubt.layer} is swept again by whole forward passes, because {doubt.reason}.")
            doubted = {**doubted, doubt.layer: doubt.reason}
            folder.settle_anew("doubted", doubted)


def _means(part: Part, progress: Progress) -> dict[Site, np.ndarray]:
    """Find the means of units where a kind of ablation needs them."""
    needed = any(kind_of(name).needs_means for name in part.plan.options.ablation)
    return find_unit_means(part, progress) if needed else {}


def _parts(plan: Plan, folder: ShardFolder) -> list[Part]:
    training = plan.of_training()
    trained = [] if training is None else [Part(training, folder.below("training"), "training ")]
    return [Part(plan, folder), *trained]


def _write(writer: StoreWriter, part: Part, images: Swept, progress: Progress) -> _Done:
    """Write all that the store holds of one set of images, looking again at those that are shown."""
    plan, target = part.plan, TrainWriter(writer) if part.of else writer
    with progress.stage(f"{part.of}merge", len(plan.sites), unit="layers") as stage:
        merged = write_sweep(target, plan, part.folder, images, stage.advance)
    shards = look_again(part, images, merged, progress)
    failed = write_gallery(target, plan, part.folder, shards, images, merged)
    return _Done(images, merged, sweep_record(plan, part.folder, images) | {"failed_attribution": failed})


def _with_settled_attribution(plan: Plan, folder: ShardFolder) -> Plan:
    """Keep to the attributions chosen when the run began: the choice rests on a timing."""
    settled = folder.settled("attribution", asdict(plan.attribution))
    return replace(plan, attribution=AttributionPlan(**settled))


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
