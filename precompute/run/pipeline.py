"""One run from its options to its store: sweep the images, merge the shards, add exemplars and statistics, finish."""

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
from precompute.images.file_digests import UNKNOWN, refuse_changed
from precompute.models.device import exact_float32
from precompute.models.sites import Site
from precompute.options import RunOptions
from precompute.progress import Progress, waiting
from precompute.run.class_outputs import check_class_outputs
from precompute.run.executors import start_executor
from precompute.run.exemplars import write_exemplars
from precompute.run.image_set import Executor, ImageSet
from precompute.run.merge import changes_left_out, write_network, write_sweep
from precompute.run.plan import IMPORTED_FILES, NETWORK_FILE, AttributionPlan, Plan
from precompute.run.planning import make_plan
from precompute.run.report import (
    Summary,
    announce,
    final_record,
    initial_record,
    report,
    sweep_record,
    sweep_report,
    told_devices,
)
from precompute.run.run_stages import MERGE, STATISTICS, TRAINING, stage_shares
from precompute.run.run_time import run_seconds
from precompute.run.shards import ShardFolder, digest_of, open_side_files, side_files_of
from precompute.run.size_sample import contents_of
from precompute.run.store_size import Contents, at_most, bytes_by_part, side_file_bytes
from precompute.run.sweep import SweptImages, find_unit_means, sweep_all
from precompute.store.disk import reason, refuses
from precompute.store.experiments import registry
from precompute.store.place import place_of
from precompute.store.read_errors import lacks_handles
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
    """Make a plan, say what it will cost, carry it out, and report the result.

    Parameters
    ----------
    options
        The options of the run.
    command
        The command line, for the store's provenance.
    say
        Shows the user a sentence.
    progress
        Shows the stages; a new one by default.
    seeds
        The seeds from which the images or the network were made, by what each seed decides.

    Raises
    ------
    UnitscopeError
        If anything about the run cannot work.
    """
    # The network's file may change the current folder.
    table = None if options.classes_file is None else options.classes_file.expanduser().absolute()
    options = replace(options, out=options.out.absolute(), classes_file=table)
    with waiting() as note:
        plan = make_plan(options, note)
    stores = contents_of(plan)
    for sentence in announce(plan, stores, run_seconds(plan, stores)):
        say(sentence)
    _refuse_full_disk(plan, stores)
    progress = progress or Progress(stage_shares(training=plan.train is not None))
    with start_executor(plan, say) as executor:
        doubts = check_class_outputs(plan, progress)
        for sentence in doubts:
            say(sentence)
        plan = replace(plan, conditions=(*plan.conditions, *doubts))
        summary = _make_store(plan, executor, progress, initial_record(plan, command, seeds or {}), say)
    if summary is None:
        say(f"{options.out} is in place already and holds the results of this run")
        _add_missing_statistics(options.out, command, progress, say)
        return
    for sentence in report(summary, progress.seconds, options):
        say(sentence)


def _make_store(
    plan: Plan, executor: Executor, progress: Progress, provenance: dict[str, Any], say: Callable[[str], None]
) -> Summary | None:
    """Carry out a plan and write its store; an earlier store under the same name is replaced only by a whole one.

    Returns
    -------
    Summary or None
        None if the run was resumed after it had put its store in place.
    """
    out = place_of(plan.options.out)
    side_files, identity = side_files_of(out), plan.identity()
    with (
        _disk_errors(plan.options),
        open_side_files(
            side_files,
            identity,
            plan.options.defaults() | dict.fromkeys(identity.keys() - plan.asked().keys(), ""),
            plan.told_lately(),
            resume=plan.options.resume,
            say=say,
            device=provenance["device"],
        ) as folder,
    ):
        run_record = {"started": folder.started, "identity": digest_of(plan.asked())}
        if plan.options.resume and _is_in_place(out, plan, folder):
            folder.remove()
            return None
        plan = _with_settled_attribution(plan, folder)
        with exact_float32():
            plan, image_sets, images = _sweep_image_sets(plan, folder, executor, progress, say)
            with StoreWriter(out) as writer:
                writer.describe("/", {"keep": plan.options.keep})
                write_network(writer, plan)
                written = [
                    _write_image_set(writer, image_set, held, progress)
                    for image_set, held in zip(image_sets, images, strict=True)
                ]
                summaries, records = zip(*written, strict=True)
                _write_statistics(writer, image_sets[0], images[0], provenance["command"], progress, say)
                known = provenance | run_record | {"device": told_devices(folder.devices())}
                writer.finish(json.dumps(final_record(known, plan, records), indent=1))
        # Until the store is in place with all that belongs to it, the side files are the only copy of the work.
        folder.remove()
    return replace(summaries[0], training=summaries[1]) if summaries[1:] else summaries[0]


def _refuse_changed_files(image_sets: Sequence[ImageSet], say: Callable[[str], None]) -> None:
    """Refuse to go on if files that the stopped run has read are other files now."""
    for image_set in image_sets:
        images = image_set.listed()
        read = images.at(np.flatnonzero(images.digests != UNKNOWN))
        if len(read):
            say(f"The {len(read):,} files that the stopped run has read are compared with what they were then.")
            refuse_changed(read, side_files=image_set.folder.path)


def _is_in_place(out: Path, plan: Plan, folder: ShardFolder) -> bool:
    """Tell whether the stopped run had already put its store in place.

    If the run left no side files, any store that was made with the same options counts as its store.
    """
    asked = plan.asked()
    # Earlier versions recorded less.
    without_imported = {name: value for name, value in asked.items() if name != IMPORTED_FILES}
    without_file = {name: value for name, value in without_imported.items() if name != NETWORK_FILE}
    known = [digest_of(each) for each in (asked, without_imported, without_file)]
    try:
        with open_store(out) as store:
            identity, started = (store.provenance.get(name) for name in ("identity", "started"))
    except StoreError:
        return False
    return identity in known and (folder.new or started == folder.started)


def _sweep_image_sets(
    plan: Plan, folder: ShardFolder, executor: Executor, progress: Progress, say: Callable[[str], None]
) -> tuple[Plan, list[ImageSet], list[SweptImages]]:
    """Sweep all images; if the engine is wrong about a layer, sweep that layer again by the plain method."""
    doubted: dict[str, str] = folder.settled("doubted", {})
    while True:
        plan = plan.swept_plainly(doubted)
        image_sets = _image_sets(plan, folder, executor)
        _refuse_changed_files(image_sets, say)
        try:
            means = _means(image_sets[0], progress)
            return plan, image_sets, [sweep_all(image_set, means, progress) for image_set in image_sets]
        except EngineDoubted as doubt:
            say(f"{doubt.layer} is swept again by whole forward passes, because {doubt.reason}.")
            doubted = {**doubted, doubt.layer: doubt.reason}
            folder.settle_anew("doubted", doubted)


def _means(image_set: ImageSet, progress: Progress) -> dict[Site, np.ndarray]:
    """Find the means of the units if a kind of ablation needs them; empty if none does."""
    needed = any(kind_of(name).needs_means for name in image_set.plan.options.ablation)
    return find_unit_means(image_set, progress) if needed else {}


def _image_sets(plan: Plan, folder: ShardFolder, executor: Executor) -> list[ImageSet]:
    training = plan.of_training()
    trained = [] if training is None else [ImageSet(training, folder.below("training"), executor, TRAINING)]
    return [ImageSet(plan, folder, executor), *trained]


def _write_image_set(
    writer: StoreWriter, image_set: ImageSet, images: SweptImages, progress: Progress
) -> tuple[Summary, dict[str, Any]]:
    """Write all that the store holds of one set of images; return its summary, and the record of its sweep."""
    plan, target = image_set.plan, TrainWriter(writer) if image_set.stage_prefix else writer
    with progress.stage(image_set.stage_prefix + MERGE, len(plan.sites), unit="layers") as stage:
        merged = write_sweep(target, plan, image_set.folder, images, stage.advance)
    failed = write_exemplars(target, image_set, images, merged, progress)
    record = sweep_record(plan, image_set.folder, images) | {"failed_attribution": failed}
    return Summary(merged.accuracy, len(images.list), images.skipped, merged.flips, sweep_report(record)), record


def _with_settled_attribution(plan: Plan, folder: ShardFolder) -> Plan:
    """Return the plan with the attributions that were chosen when the run began.

    The choice depends on how long some trials took, so a resumed run could choose others.
    """
    settled = folder.settled("attribution", asdict(plan.attribution))
    known = {field.name: settled[field.name] for field in fields(AttributionPlan)}  # earlier versions had one more
    return replace(plan, attribution=AttributionPlan(**known))


# Statistics


def _write_statistics(
    writer: StoreWriter,
    image_set: ImageSet,
    images: SweptImages,
    command: str,
    progress: Progress,
    say: Callable[[str], None],
) -> None:
    """Add the statistics, so that the app can compare every drop with chance.

    A store of sums gets them now or never: only the side files hold the changes of log-probability that they need.
    """
    left = changes_left_out(image_set.plan, image_set.folder, images)
    with nullcontext() if left else _statistics_may_fail(say):
        spec, options = registry.spec_of(STATISTICS), ExperimentOptions()
        found = runner.compute_findings(
            spec, writer.written(left), options, command=command, say=_silent, progress=progress
        )
        write(writer, found)


def _add_missing_statistics(out: Path, command: str, progress: Progress, say: Callable[[str], None]) -> None:
    """Add the statistics to a store that the run put in place without them."""
    with open_store(out) as store:
        held = store.experiments
    if STATISTICS not in held:
        with _statistics_may_fail(say):
            runner.carry_out(STATISTICS, out, ExperimentOptions(), command=command, say=_silent, progress=progress)


@contextmanager
def _statistics_may_fail(say: Callable[[str], None]) -> Iterator[None]:
    """Say that the statistics are missing if adding them fails: the store is whole without them."""
    try:
        yield
    except UnitscopeError as error:
        say(
            f"The store is whole, but its statistics could not be added: {error} "
            "The same command with --resume adds them."
        )


def _silent(_sentence: str) -> None:
    """Say nothing: the run has already announced what it costs as a whole."""


# The disk


def _refuse_full_disk(plan: Plan, stores: Sequence[Contents]) -> None:
    folder = plan.options.out.resolve().parent
    while not folder.exists():
        folder = folder.parent
    # The disk holds the side files and the store at the same time until the run ends.
    needed = sum(side_file_bytes(each) + at_most(bytes_by_part(each)) for each in stores)
    free = disk_usage(folder).free
    if needed > free:
        raise DiskError(
            f"{plan.options.out}: the run may need {size(needed)} until it ends, but {folder} has {size(free)} free. "
            "Make room, choose another --out, or take fewer images with --limit."
        )


@contextmanager
def _disk_errors(options: RunOptions) -> Iterator[None]:
    """Turn errors of the disk into one sentence that says what to do."""
    try:
        yield
    except OSError as error:
        if isinstance(error, FileNotFoundError) and error.filename:
            found = f"another program has removed {error.filename}, which this run needs. Start it again"
        elif lacks_handles(error):
            found = "too many files are open. Allow this program more of them (ulimit -n)"
        elif refuses(error):
            found = f"the disk refuses to write or to read ({reason(error)}). Make room or choose another --out"
        else:
            raise
        raise DiskError(
            f"{options.out}: {found}. What was computed so far is kept; add --resume to go on with it."
        ) from error
