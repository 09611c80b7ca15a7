"""One run from its options to its store, with what a person should be told on the way."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from shutil import disk_usage
from typing import Any

from precompute.errors import DiskError, UnitscopeError
from precompute.experiments import runner as experiments
from precompute.experiments.options import ExperimentOptions
from precompute.option_fields import plain
from precompute.options import RunOptions
from precompute.progress import Progress
from precompute.provenance import device_name, git_commit, versions
from precompute.run import pipeline
from precompute.run.confusion import look_at_confusion
from precompute.run.cost import store_bytes
from precompute.run.pipeline import Summary, run
from precompute.run.plan import AttributionPlan, Plan
from precompute.run.planning import make_plan
from precompute.store.reader import open_store
from precompute.words import duration, percent, size

_LISTED = 20


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
    for sentence in announce(plan):
        say(sentence)
    _refuse_full_disk(plan)
    progress = progress or Progress(stages(training=plan.train is not None))
    doubts = look_at_confusion(plan, progress)
    for sentence in doubts:
        say(sentence)
    plan = replace(plan, conditions=(*plan.conditions, *doubts))
    summary = run(
        plan,
        progress,
        _facts(plan, command, dict(seeds or {})),
        say=say,
        complete=lambda part: _add_statistics(part, command, progress, say),
    )
    if summary is None:
        say(f"{options.out} is in place already and holds what this run was to find")
        _add_missing_statistics(options.out, command, progress, say)
        return
    for sentence in report(replace(summary, seconds=dict(progress.seconds)), options):
        say(sentence)


def stages(*, training: bool) -> dict[str, float]:
    """Return the stages of a run, with or without training images, and how long each is expected to take."""
    return {"answers": 0.02} | pipeline.STAGES | (pipeline.TRAIN_STAGES if training else {}) | {"statistics": 0.02}


def _add_statistics(part: Path, command: str, progress: Progress, say: Callable[[str], None]) -> None:
    """Say of every drop how far it is more than chance, so that none has to be shown without."""
    try:
        experiments.carry_out(
            "statistics", part, ExperimentOptions(), command=command, say=lambda _: None, progress=progress
        )
    except UnitscopeError as error:
        say(
            f"The store is whole, but its statistics could not be added: {error} "
            "The same command with --resume adds them."
        )


def _add_missing_statistics(out: Path, command: str, progress: Progress, say: Callable[[str], None]) -> None:
    """Add what the run could not add when it put its store in place, as on a full disk."""
    with open_store(out) as store:
        held = store.experiments
    if "statistics" not in held:
        _add_statistics(out, command, progress, say)


def announce(plan: Plan) -> list[str]:
    """Say what a run will do and what it will cost."""
    units = ", ".join(f"{site.name} ({site.n_units} units)" for site in plan.sites)
    attribution, training = plan.attribution, plan.of_training()
    sweep_seconds = plan.sweep_seconds + (0 if training is None else training.sweep_seconds)
    lines = [
        f"{plan.model.spec} with weights {plan.model.weights}, on {device_name(plan.device)}",
        f"{len(plan.candidates)} images of {len(plan.classes.names)} classes, {plan.n_outputs} outputs",
        *([] if training is None else [f"{len(training.candidates)} training images of the same classes"]),
        *plan.classes.told(),
        f"layers: {units}",
        *plan.conditions,
        f"Estimated: sweep {duration(sweep_seconds)}, attributions {duration(attribution.seconds)}, "
        f"store up to {size(store_bytes(plan))}",
    ]
    lines += [
        f"{site.name} is swept by whole forward passes, because {reason}; the engine would take a fraction of the time"
        for site, reason in plan.slow.items()
    ]
    if attribution.postponed:
        lines.append(
            f"{attribution.postponed:.0%} of the attribution maps are left for later: all would take longer than the "
            "rest of the run. The gradient on all exemplars and integrated gradients on the first are made. "
            "`python -m precompute experiment attribution STORE.h5` computes the others, of one unit or of all."
        )
    return [*lines, *_left_out(attribution)]


def _left_out(attribution: AttributionPlan) -> list[str]:
    """Say which attribution methods are left out, once for each reason."""
    methods: dict[str, list[str]] = {}
    for left_out in attribution.left_out.values():
        for name, reason in left_out.items():
            methods.setdefault(reason, [])
            if name not in methods[reason]:
                methods[reason].append(name)
    return [f"{_listed(names)} left out: {reason}" for reason, names in sorted(methods.items())]


def _listed(names: list[str]) -> str:
    words = [name.replace("_", " ") for name in names]
    words[0] = words[0].capitalize()
    return f"{' and '.join(filter(None, [', '.join(words[:-1]), words[-1]]))} {'is' if len(words) == 1 else 'are'}"


def report(summary: Summary, options: RunOptions) -> list[str]:
    """Say how a run went."""
    lines = _told(summary, "images") + ([] if summary.training is None else _told(summary.training, "training images"))
    times = ", ".join(f"{name} {duration(seconds)}" for name, seconds in summary.seconds.items())
    return [*lines, f"Took: {times}", f"Wrote {options.out} ({size(options.out.stat().st_size)})"]


def _told(summary: Summary, images: str) -> list[str]:
    lines = [f"{summary.n_images} {images}, {percent(summary.accuracy, summary.n_images)} right with nothing ablated"]
    lines += [f"{name} ablation: {flips} predictions changed" for name, flips in summary.flips.items()]
    lines += summary.sweeps
    if summary.skipped:
        lines.append(f"{len(summary.skipped)} files could not be read and were left out:")
        lines += [f"  {path}: {reason}" for path, reason in summary.skipped[:_LISTED]]
        if len(summary.skipped) > _LISTED:
            lines.append(f"  and {len(summary.skipped) - _LISTED} more, all listed in the store")
    return lines


def _refuse_full_disk(plan: Plan) -> None:
    folder = plan.options.out.resolve().parent
    while not folder.exists():
        folder = folder.parent
    # Side files and the store stand side by side for a while.
    needed, free = 2 * store_bytes(plan), disk_usage(folder).free
    if needed > free:
        raise DiskError(
            f"{plan.options.out}: the run may need {size(needed)} for a while, but {folder} has {size(free)} free. "
            "Make room, choose another --out, or take fewer images by --limit."
        )


def _facts(plan: Plan, command: str, seeds: dict[str, int]) -> dict[str, Any]:
    return {
        "command": command,
        "versions": versions(),
        "git_commit": git_commit(),
        "device": device_name(plan.device),
        "seeds": seeds,
        "options": plain(plan.options),
        "batch_size": plan.options.batch_size,
    }
