"""One run from its options to its store: sweep the images, merge, look again at the images that are shown, finish."""

import errno
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, fields, replace
from pathlib import Path
from shutil import disk_usage
from typing import Any

import numpy as np

from precompute.ablation_kinds import kind_of
from precompute.errors import DiskError, EngineDoubted, StoreError, UnitscopeError
from precompute.experiments import runner
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.stored_findings import write
from precompute.models.device import exact_float32
from precompute.models.sites import Site
from precompute.options import RunOptions
from precompute.progress import Progress
from precompute.run.confusion import look_at_confusion
from precompute.run.executors import executor_of
from precompute.run.exemplars import write_exemplars
from precompute.run.image_set import Executor, ImageSet
from precompute.run.merge import left_in_side_files, write_network, write_sweep
from precompute.run.plan import AttributionPlan, Plan
from precompute.run.planning import make_plan
from precompute.run.report import Summary, announce, circumstances, completed, report, sweep_record, sweep_report
from precompute.run.run_stages import MERGE, STATISTICS, TRAINING, stage_shares
from precompute.run.run_time import run_seconds
from precompute.run.shards import ShardFolder, digest_of, opened, side_files_of
from precompute.run.size_sample import contents_of
from precompute.run.store_size import Contents, at_most, bytes_by_part, side_file_bytes
from precompute.run.sweep import Swept, find_unit_means, sweep_all
from precompute.store.experiments import registry
from precompute.store.place import place_of
from precompute.store.reader import open_store
from precompute.store.train_writer import TrainWriter
from precompute.store.writer import StoreWriter
from precompute.words import size


def carry_out(
    options: RunOptions,
    *,
    command: str,
    say: Callable[[str], None],
    progress: Progress | None = None,
    seeds: Mapping[str, int] | None = None,
) -> None:
    """Make a plan, say what it will cost, carry it out and say how it went.

    Parameters
    ----------
    options
        What was asked for.
    command
        The command line, for the store's provenance.
    say
        Receives sentences for the person who waits.
    progress
        Shows the stages; a new one by default.
    seeds
        Seeds that the images or the network came from, by what they decide.

    Raises
    ------
    UnitscopeError
        For anything that cannot work.
    """
    plan = make_plan(options)
    stores = contents_of(plan)
    for sentence in announce(plan, stores, run_seconds(plan, stores)):
        say(sentence)
    _refuse_full_disk(plan, stores)
    progress = progress or Progress(stage_shares(training=plan.train is not None))
    with executor_of(plan, say) as executor:
        doubts = look_at_confusion(plan, progress)
        for sentence in doubts:
            say(sentence)
        plan = replace(plan, conditions=(*plan.conditions, *doubts))
        summary = _run(plan, executor, progress, circumstances(plan, command, seeds or {}), say)
    if summary is None:
        say(f"{options.out} is in place already and holds what this run was to find")
        _add_missing_statistics(options.out, command, progress, say)
        return
    for sentence in report(summary, progress.seconds, options):
        say(sentence)


def _run(
    plan: Plan, executor: Executor, progress: Progress, provenance: dict[str, Any], say: Callable[[str], None]
) -> Summary | None:
    """Carry out a plan and write its store; an earlier store at the same place stays until that one is whole.

    Returns
    -------
    Summary or None
        None where the run, gone on with, was at its end already: its store is in place.
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
            plan, image_sets, images = _swept(plan, folder, executor, progress, say)
            with StoreWriter(out) as writer:
                writer.describe("/", {"keep": plan.options.keep})
                write_network(writer, plan)
                written = [
                    _write(writer, image_set, held, progress)
                    for image_set, held in zip(image_sets, images, strict=True)
                ]
                summaries, records = zip(*written, strict=True)
                _write_statistics(writer, image_sets[0], images[0], provenance["command"], progress, say)
                writer.finish(json.dumps(completed(provenance | run_record, plan, records), indent=1))
        # Not before the store is in place with all that belongs to it: until then they are the only copy of the work.
        folder.remove()
    return replace(summaries[0], training=summaries[1]) if summaries[1:] else summaries[0]


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
    plan: Plan, folder: ShardFolder, executor: Executor, progress: Progress, say: Callable[[str], None]
) -> tuple[Plan, list[ImageSet], list[Swept]]:
    """Sweep all images; where the engine turns out to be wrong about a layer, once more by whole passes there."""
    doubted: dict[str, str] = folder.settled("doubted", {})
    while True:
        plan = plan.swept_plainly(doubted)
        image_sets = _image_sets(plan, folder, executor)
        try:
            means = _means(image_sets[0], progress)
            return plan, image_sets, [sweep_all(image_set, means, progress) for image_set in image_sets]
        except EngineDoubted as doubt:
            say(f"{doubt.layer} is swept again by whole forward passes, because {doubt.reason}.")
            doubted = {**doubted, doubt.layer: doubt.reason}
            folder.settle_anew("doubted", doubted)


def _means(image_set: ImageSet, progress: Progress) -> dict[Site, np.ndarray]:
    """Find the means of units where a kind of ablation needs them."""
    needed = any(kind_of(name).needs_means for name in image_set.plan.options.ablation)
    return find_unit_means(image_set, progress) if needed else {}


def _image_sets(plan: Plan, folder: ShardFolder, executor: Executor) -> list[ImageSet]:
    training = plan.of_training()
    trained = [] if training is None else [ImageSet(training, folder.below("training"), executor, TRAINING)]
    return [ImageSet(plan, folder, executor), *trained]


def _write(
    writer: StoreWriter, image_set: ImageSet, images: Swept, progress: Progress
) -> tuple[Summary, dict[str, Any]]:
    """Write all that the store holds of one set of images; return what to say of it, and the record of its sweep."""
    plan, target = image_set.plan, TrainWriter(writer) if image_set.of else writer
    with progress.stage(image_set.of + MERGE, len(plan.sites), unit="layers") as stage:
        merged = write_sweep(target, plan, image_set.folder, images, stage.advance)
    failed = write_exemplars(target, image_set, images, merged, progress)
    record = sweep_record(plan, image_set.folder, images) | {"failed_attribution": failed}
    return Summary(merged.accuracy, len(images.list), images.skipped, merged.flips, sweep_report(record)), record


def _with_settled_attribution(plan: Plan, folder: ShardFolder) -> Plan:
    """Keep to the attributions chosen when the run began: the choice rests on a timing."""
    settled = folder.settled("attribution", asdict(plan.attribution))
    known = {field.name: settled[field.name] for field in fields(AttributionPlan)}  # there was one more once
    return replace(plan, attribution=AttributionPlan(**known))


# Statistics


def _write_statistics(
    writer: StoreWriter,
    image_set: ImageSet,
    images: Swept,
    command: str,
    progress: Progress,
    say: Callable[[str], None],
) -> None:
    """Say of every drop how far it is more than chance, so that none has to be shown without.

    For a store of sums it is now or never: what they are made of is in the side files alone.
    """
    left = left_in_side_files(image_set.plan, image_set.folder, images)
    with nullcontext() if left else _told_if_missing(say):
        spec, options = registry.spec_of(STATISTICS), ExperimentOptions()
        found = runner.compute_findings(
            spec, writer.written(left), options, command=command, say=_silent, progress=progress
        )
        write(writer, found)


def _add_missing_statistics(out: Path, command: str, progress: Progress, say: Callable[[str], None]) -> None:
    """Add what the run could not add before it put its store in place."""
    with open_store(out) as store:
        held = store.experiments
    if STATISTICS not in held:
        with _told_if_missing(say):
            runner.carry_out(STATISTICS, out, ExperimentOptions(), command=command, say=_silent, progress=progress)


@contextmanager
def _told_if_missing(say: Callable[[str], None]) -> Iterator[None]:
    try:
        yield
    except UnitscopeError as error:
        say(
            f"The store is whole, but its statistics could not be added: {error} "
            "The same command with --resume adds them."
        )


def _silent(_sentence: str) -> None:
    """Say nothing: the run has announced its cost as a whole."""


# The disk


def _refuse_full_disk(plan: Plan, stores: Sequence[Contents]) -> None:
    folder = plan.options.out.resolve().parent
    while not folder.exists():
        folder = folder.parent
    # Side files and the store stand side by side for a while.
    needed = sum(side_file_bytes(each) + at_most(bytes_by_part(each)) for each in stores)
    free = disk_usage(folder).free
    if needed > free:
        raise DiskError(
            f"{plan.options.out}: the run may need {size(needed)} for a while, but {folder} has {size(free)} free. "
            "Make room, choose another --out, or take fewer images by --limit."
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
