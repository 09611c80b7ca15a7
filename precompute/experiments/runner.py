"""Carry out experiments: from the options to the group in the store, with sentences for the person who waits."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from shutil import disk_usage
from time import monotonic
from typing import Any, Self

from precompute.errors import DiskError, StoreChanged, StoreDamaged, StoreError, StoreOfSums, UnitscopeError
from precompute.experiments.layerwise import refuse_other_options
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.protocol import Job, Prepared
from precompute.experiments.stored_findings import StoredFindings, replaced_paths, write
from precompute.experiments.sweep_workers import SweepWorkers
from precompute.progress import Progress
from precompute.provenance import versions
from precompute.store.check import refuse_changed
from precompute.store.experiments import registry
from precompute.store.experiments.spec import ExperimentSpec
from precompute.store.place import own_part, place_of
from precompute.store.reader import Store, open_store
from precompute.store.writer import StoreWriter
from precompute.words import duration, size

_ATTEMPTS = 20
SAVED_EVERY = 1800.0
"""Seconds of work after which the findings of several experiments are written to the store."""


@dataclass(frozen=True, eq=False)
class SourceStore:
    """The store that an experiment works on: where it lies, and what tells it from another store in the same place."""

    path: Path
    run: tuple[str, dict[str, Any]]

    @classmethod
    def of(cls, store: Store) -> Self:
        """Return what identifies an open store."""
        return cls(store.path, (store.created, store.provenance))


def carry_out(
    name: str,
    path: Path,
    options: ExperimentOptions,
    *,
    command: str,
    say: Callable[[str], None],
    progress: Progress | None = None,
) -> None:
    """Carry out an experiment and add its group to a store, in place of an earlier group of the same name.

    Where the options name layers, earlier findings on other layers stay.

    Parameters
    ----------
    name
        A name of the registry.
    path
        A complete store. It is replaced in one step at the end. Until then, and whatever goes wrong, it stays as it
        is.
    options
        What was asked for.
    command
        The command line, for the experiment's facts.
    say
        Shows the user a sentence.
    progress
        Shows the stage that has the experiment's name; by default a new one.

    Raises
    ------
    UnitscopeError
        For anything that cannot work.
    """
    spec, path = registry.spec_of(name), path.absolute()  # the network's file may change the current folder
    progress = progress or Progress({name: 1.0})
    with open_store(path) as store:
        refuse_changed(path)  # the writer would refuse it too, but only after the work
        _refuse_sums(spec, store)
        of = SourceStore.of(store)
        copied = path.stat().st_size
        found = compute_findings(spec, store, options, command=command, say=say, progress=progress, copied=copied)
    add(of, [found], say)
    say(f"Took {duration(progress.seconds[name])}; added to {path} ({size(path.stat().st_size)})")


def carry_out_all(path: Path, options: ExperimentOptions, *, command: str, say: Callable[[str], None]) -> int:
    """Carry out every experiment that is possible, one after another, and add them to the store.

    Each experiment can read the findings of those before it. The store is replaced in one step: at the end, about every
    half hour of work, and when the work is stopped.

    Parameters
    ----------
    path
        A complete store.
    options
        What was asked for; each experiment gets the options that it takes.
    command, say
        As for :func:`carry_out`.

    Returns
    -------
    int
        How many were added. A sentence has said why each of the others was not.

    Raises
    ------
    StoreError
        Where there is no store to add to.
    """
    path = path.absolute()  # the network's file may change the current folder
    waiting, n_found = list(registry.specs()), 0
    while waiting:
        with open_store(path) as store:
            of = SourceStore.of(store)
        n_found += _next_part(of, waiting, options, command=command, say=say)
    return n_found


def _next_part(
    of: SourceStore,
    waiting: list[ExperimentSpec],
    options: ExperimentOptions,
    *,
    command: str,
    say: Callable[[str], None],
) -> int:
    """Carry out the next experiments on one copy of the store, and put the copy in place; return how many were added.

    The copy is put in place when no experiment is left or the work has taken longer than `SAVED_EVERY`. So a large
    store is not copied and checked for every experiment. Where the work is stopped, the findings so far are added too.
    """
    place, found, started = place_of(of.path), list[StoredFindings](), monotonic()
    try:
        with StoreWriter(place, part=own_part(place)) as writer:
            writer.take_over(place, without=[])
            while waiting and (not found or monotonic() - started < SAVED_EVERY):
                spec = waiting.pop(0)
                progress = Progress({spec.name: 1.0})
                try:
                    now = writer.written()
                    _refuse_sums(spec, now)
                    for sentence in _on_one_device(spec, options):
                        say(sentence)
                    found_now = compute_findings(
                        spec, now, options.only(spec), command=command, say=say, progress=progress
                    )
                    beside = found_now.beside(now)
                except UnitscopeError as error:
                    say(f"{spec.title} is left out: {error}")
                    continue
                writer.remove(replaced_paths(now, beside))
                write(writer, beside)
                found.append(found_now)
                say(f"Took {duration(progress.seconds[spec.name])}")
            if found:
                writer.finish()
                say(f"Added to {of.path} ({size(of.path.stat().st_size)})")
    except StoreDamaged:
        if not found:  # the store itself is damaged and cannot be copied
            raise
        return _add_all(of, found, say)  # one of the findings fails the check
    except StoreChanged:
        return _add_all(of, found, say)  # another program has replaced the store meanwhile
    except BaseException:
        _add_all(of, found, say)
        raise
    return len(found)


def _add_all(of: SourceStore, found: Sequence[StoredFindings], say: Callable[[str], None]) -> int:
    """Add findings all at once, or one by one where together they fail the check; return how many were added."""
    if not found:
        return 0
    try:
        add(of, found, say)
    except StoreDamaged as error:
        if len(found) > 1:
            return sum(_add_all(of, [each], say) for each in found)
        say(f"{registry.spec_of(found[0].name).title} is left out: {error}")
        return 0
    return len(found)


def compute_findings(
    spec: ExperimentSpec,
    store: Store,
    options: ExperimentOptions,
    *,
    command: str,
    say: Callable[[str], None],
    progress: Progress,
    copied: int = 0,
) -> StoredFindings:
    """Carry out an experiment on an open store and return its findings; the store stays as it is.

    Parameters
    ----------
    spec
        The specification of the experiment.
    store
        The store to work on.
    options, command, say
        As for :func:`carry_out`.
    progress
        Shows the stage that has the experiment's name.
    copied
        Bytes of the copy of the store that will be made after the work; the disk must have room for it.

    Raises
    ------
    UnitscopeError
        For anything that cannot work.
    """
    options.refuse_unused(spec)
    prepare: Callable[[Job], Prepared] = import_module(f"precompute.experiments.{spec.name}").prepare
    with SweepWorkers(options, say) as workers:
        prepared = prepare(Job(store, _layers(store, options), options, workers))
        refuse_other_options(store, spec.name, _facts(spec, options, command, prepared))
        for sentence in (*_announced(spec, prepared), *_without_log_prob(spec, store)):
            say(sentence)
        _refuse_full_disk(store.path, copied + prepared.bytes)
        with progress.stage(spec.name, prepared.steps, unit=prepared.unit) as stage:
            findings = prepared.run(stage)
    return StoredFindings(spec.name, _facts(spec, options, command, prepared), findings)


def add(of: SourceStore, found: Sequence[StoredFindings], say: Callable[[str], None]) -> None:
    """Add findings to a store, which is written anew and replaced in one step.

    Where several programs end at the same time, each adds its findings to those of the programs before it.

    Parameters
    ----------
    of
        The store that the experiments worked on. It must be closed, because Windows cannot replace an open file.
    found
        The findings to add, in place of earlier findings of the same experiments.
    say
        Shows the user a sentence.

    Raises
    ------
    StoreError
        Where another store now lies in its place, or the findings fail the check.
    DiskError
        Where the disk has no room, or cannot be written.
    """

    def ready(now: Store) -> Change:
        beside = [each.beside(now) for each in found]

        def written(writer: StoreWriter) -> None:
            for each in beside:
                write(writer, each)

        return Change(set[str]().union(*(replaced_paths(now, each) for each in beside)), written)

    rewrite(of, ready, say)


@dataclass(frozen=True, eq=False)
class Change:
    """A change of a store: the paths to leave out of the copy, and a function that writes new ones."""

    without: Collection[str]
    write: Callable[[StoreWriter], None]


def rewrite(of: SourceStore, ready: Callable[[Store], Change], say: Callable[[str], None]) -> None:
    """Write a store anew with a change, and replace it; start again if another program replaced it meanwhile.

    Parameters
    ----------
    of
        The store that the work was done on. It must be closed, because Windows cannot replace an open file.
    ready
        Receives the store as it is now, reads what it needs from it, and returns the change.
    say
        Shows the user a sentence.

    Raises
    ------
    StoreError
        Where another store now lies in its place.
    """
    place = place_of(of.path)
    for attempt in range(_ATTEMPTS):
        with open_store(of.path) as now:
            if (now.created, now.provenance) != of.run:
                raise StoreError(
                    f"{of.path}: another store was written here while the experiment ran on the earlier one. "
                    "Nothing was added; run the experiment again."
                )
            change, looked_at = ready(now), now.identity
        try:
            with StoreWriter(place, part=own_part(place)) as writer:
                writer.take_over(place, without=change.without, only=looked_at)
                change.write(writer)
                writer.finish()
            return
        except StoreChanged:
            if attempt + 1 == _ATTEMPTS:
                raise
        say(f"{of.path} was replaced meanwhile, perhaps by another experiment; adding the findings to the new file")


def _refuse_sums(spec: ExperimentSpec, store: Store) -> None:
    """Refuse, before its work, an experiment that needs what a store of sums lacks."""
    if lacks := store.lacks(spec.needs_of_all):
        raise StoreOfSums(f"{store.path}: {lacks}")


def _layers(store: Store, options: ExperimentOptions) -> tuple[Any, ...]:
    if options.layers is None:
        return store.layers
    asked = {store.layer(name).name for name in options.layers}
    return tuple(layer for layer in store.layers if layer.name in asked)


def _announced(spec: ExperimentSpec, prepared: Prepared) -> list[str]:
    cost = f"Estimated: {duration(prepared.seconds)}, up to {size(prepared.bytes)} more in the store"
    reduced = [] if prepared.reduced is None else [prepared.reduced]
    return [f"{spec.title} ({spec.source})", *prepared.notes, *prepared.conditions, *reduced, cost]


def _on_one_device(spec: ExperimentSpec, options: ExperimentOptions) -> list[str]:
    """Return a sentence where several devices are asked for, but the experiment computes on one."""
    if spec.is_shared or not (spec.on_one_device and options.on_several):
        return []
    return [f"{spec.title} computes on one device despite {options.on_several}, because {spec.on_one_device}."]


def _without_log_prob(spec: ExperimentSpec, store: Store) -> list[str]:
    if store.baseline.log_prob is not None or not spec.without_log_prob:
        return []
    return [f"The store holds no log-probabilities, because {store.baseline.log_prob_of}: {spec.without_log_prob}."]


def _facts(spec: ExperimentSpec, options: ExperimentOptions, command: str, prepared: Prepared) -> dict[str, Any]:
    facts = {
        "title": spec.title,
        "source": spec.source,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "options": json.dumps(options.whole(spec)),
        "seed": options.seed,
        "versions": json.dumps(versions()),
    }
    if prepared.reduced is not None:
        facts["reduced"] = prepared.reduced
    if prepared.conditions:
        facts["conditions"] = "\n".join(prepared.conditions)
    return facts


def _refuse_full_disk(path: Path, needed: float) -> None:
    free = disk_usage(path.resolve().parent).free
    if needed > free:
        raise DiskError(
            f"{path}: adding to the store needs {size(needed)} for a while, but its disk has {size(free)} free. "
            "Make room, or copy the store to where there is some."
        )
