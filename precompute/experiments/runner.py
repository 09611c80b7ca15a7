"""One experiment from its options to its group in the store, with what a person should be told on the way."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from shutil import disk_usage
from typing import Any, Self

from precompute.errors import DiskError, StoreChanged, StoreError, UnitscopeError
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.protocol import Findings, Job, Prepared
from precompute.measures.table import measure_row
from precompute.progress import Progress
from precompute.provenance import versions
from precompute.store.experiments import registry
from precompute.store.experiments.spec import ExperimentSpec
from precompute.store.place import own_part, place_of
from precompute.store.reader import Store, open_store
from precompute.store.schema import experiment_path, layer_path
from precompute.store.writer import StoreWriter
from precompute.words import duration, size

_ATTEMPTS = 20


def carry_out(
    name: str,
    path: Path,
    options: ExperimentOptions,
    *,
    command: str,
    say: Callable[[str], None],
    progress: Progress | None = None,
) -> None:
    """Carry out an experiment and add its group to a store, in place of an earlier one of the same name.

    Parameters
    ----------
    name
        One of the registry's.
    path
        A complete store. It is replaced in one step when all is done; until then, and whatever goes wrong, it stays as
        it is.
    options
        What was asked for.
    command
        The command line, for the experiment's facts.
    say
        Receives sentences for the person who waits.
    progress
        Shows the experiment's own stage, which has its name; a new one by default.

    Raises
    ------
    UnitscopeError
        For anything that cannot work.
    """
    spec = registry.spec_of(name)
    options.refuse_unused(spec)
    prepare: Callable[[Job], Prepared] = import_module(f"precompute.experiments.{name}").prepare
    with open_store(path) as store:
        prepared = prepare(Job(store, _layers(store, options), options))
        for sentence in (*_announced(spec, prepared), *_without_log_prob(spec, store)):
            say(sentence)
        _refuse_full_disk(path, prepared)
        progress = progress or Progress({name: 1.0})
        with progress.stage(name, prepared.steps, unit=prepared.unit) as stage:
            findings = prepared.run(stage.advance)
        of = Origin.of(store)
    add_experiment(of, name, _facts(spec, options, command, prepared.reduced), findings, say)
    say(f"Took {duration(progress.seconds[name])}; added to {path} ({size(path.stat().st_size)})")


def carry_out_all(path: Path, options: ExperimentOptions, *, command: str, say: Callable[[str], None]) -> int:
    """Carry out every experiment that can be, one after another, each added to the store when it is done.

    Parameters
    ----------
    path
        A complete store.
    options
        What was asked for; each experiment is given those that it takes.
    command, say
        As for :func:`carry_out`.

    Returns
    -------
    int
        How many were added. Why the others could not be has been said.

    Raises
    ------
    StoreError
        When there is no store to add to.
    """
    open_store(path).close()
    added = 0
    for spec in registry.specs():
        try:
            carry_out(spec.name, path, options.only(spec), command=command, say=say)
            added += 1
        except UnitscopeError as error:
            say(f"{spec.title} is left out: {error}")
    return added


@dataclass(frozen=True, eq=False)
class Origin:
    """The store that work was done on: where it lies, and what tells it from another in its place."""

    path: Path
    run: tuple[str, dict[str, Any]]

    @classmethod
    def of(cls, store: Store) -> Self:
        """Tell an open store."""
        return cls(store.path, (store.created, store.provenance))


def add_experiment(
    of: Origin, name: str, facts: dict[str, Any], findings: Findings, say: Callable[[str], None]
) -> None:
    """Put what an experiment found into a store, which is written anew and replaced in one step.

    Of several experiments that end at the same time each is written on top of those before it.

    Parameters
    ----------
    of
        The store that the experiment was carried out on. No handle on it may be open: Windows replaces no open file.
    name
        The group's.
    facts
        Of the group.
    findings
        What to put there, in place of all that an earlier experiment of that name had found.
    say
        Receives sentences for the person who waits.

    Raises
    ------
    StoreError
        When another store has come to lie in its place since, or what was found fails the check.
    DiskError
        When the disk refuses it.
    """

    def ready(now: Store) -> Callable[[], None]:
        without = _earlier(now, name, findings)
        return lambda: _write(place_of(of.path), without, experiment_path(name), facts, findings)

    on_top(of, ready, say)


def on_top(of: Origin, ready: Callable[[Store], Callable[[], None]], say: Callable[[str], None]) -> None:
    """Change a store's file on top of what lies there now, again where that was replaced meanwhile.

    Parameters
    ----------
    of
        The store that the work was done on. No handle on it may be open: Windows replaces no open file.
    ready
        Receives the store as it lies there now, reads what it needs of it, and returns what writes it anew.
    say
        Receives sentences for the person who waits.

    Raises
    ------
    StoreError
        When another store has come to lie in its place since.
    """
    for attempt in range(_ATTEMPTS):
        with open_store(of.path) as now:
            if (now.created, now.provenance) != of.run:
                raise StoreError(
                    f"{of.path}: another store was written here while the experiment ran on the earlier one. "
                    "Nothing was added; run the experiment again."
                )
            write = ready(now)
        try:
            write()
            return
        except StoreChanged:
            if attempt + 1 == _ATTEMPTS:
                raise
        say(f"{of.path} was replaced meanwhile, as by another experiment; writing on top of what lies there now")


def _write(place: Path, without: set[str], group: str, facts: dict[str, Any], findings: Findings) -> None:
    with StoreWriter(place, part=own_part(place)) as writer:
        writer.take_over(place, without=[group, *without])
        writer.describe(group, facts)
        for path, values in findings.arrays.items():
            writer.write(f"{group}/{path}", values)
        for layer, measures in findings.measures.items():
            for measure, values in measures.items():
                path = layer_path(layer, "measure", measure)
                writer.write(path, values)
                writer.describe(path, measure_row(measure).facts() | {"experiment": group.rpartition("/")[2]})
        writer.finish()


def _earlier(store: Store, name: str, findings: Findings) -> set[str]:
    """List the measures that an earlier experiment of the name added, and those that are about to be written."""
    added = {
        (layer.name, held.name) for layer in store.layers for held in layer.measures.values() if held.experiment == name
    }
    coming = {(layer, measure) for layer, measures in findings.measures.items() for measure in measures}
    return {layer_path(layer, "measure", measure) for layer, measure in added | coming}


def _layers(store: Store, options: ExperimentOptions) -> tuple[Any, ...]:
    if options.layers is None:
        return store.layers
    asked = {store.layer(name).name for name in options.layers}
    return tuple(layer for layer in store.layers if layer.name in asked)


def _announced(spec: ExperimentSpec, prepared: Prepared) -> list[str]:
    cost = f"Estimated: {duration(prepared.seconds)}, up to {size(prepared.bytes)} more in the store"
    reduced = [] if prepared.reduced is None else [prepared.reduced]
    return [f"{spec.title} ({spec.source})", *prepared.notes, *reduced, cost]


def _without_log_prob(spec: ExperimentSpec, store: Store) -> list[str]:
    if store.baseline.log_prob is not None or not spec.without_log_prob:
        return []
    return [f"The store holds no log-probabilities, because {store.baseline.log_prob_of}: {spec.without_log_prob}."]


def _facts(spec: ExperimentSpec, options: ExperimentOptions, command: str, reduced: str | None) -> dict[str, Any]:
    facts = {
        "title": spec.title,
        "source": spec.source,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "options": json.dumps(options.whole(spec)),
        "seed": options.seed,
        "versions": json.dumps(versions()),
    }
    return facts if reduced is None else facts | {"reduced": reduced}


def _refuse_full_disk(path: Path, prepared: Prepared) -> None:
    needed, free = path.stat().st_size + prepared.bytes, disk_usage(path.resolve().parent).free
    if needed > free:
        raise DiskError(
            f"{path}: adding to the store needs {size(needed)} for a while, but its disk has {size(free)} free. "
            "Make room, or copy the store to where there is some."
        )
