"""The sentences that a run prints before and after the work, and the record of the run that the store keeps."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from precompute.ablation.sweep_stats import total
from precompute.attribution_methods import label_of
from precompute.models.device import pick_devices, threads_each
from precompute.models.own_files import library_versions
from precompute.models.user_file import code_digest
from precompute.option_fields import as_json_values
from precompute.options import RunOptions
from precompute.provenance import device_name, git_commit, versions
from precompute.run.plan import AttributionPlan, Plan
from precompute.run.run_time import RunSeconds
from precompute.run.shards import ShardFolder, array_name
from precompute.run.store_size import Contents, at_most, bytes_by_part, side_file_bytes
from precompute.run.sweep import SweptImages, stats_from
from precompute.words import duration, percent, size

_LISTED = 20


@dataclass(frozen=True)
class Summary:
    """What a finished run reports about one set of images.

    Parameters
    ----------
    accuracy
        Share of the images that the network gets right with nothing ablated.
    n_images
        Images in the store.
    skipped
        Files that could not be read, with the reason.
    flips
        For every layer and kind of ablation, the number of predictions that changed.
    sweeps
        Sentences on the sweep of each layer: what was computed and how exact it is.
    training
        The summary of the training images; None if there are none.
    """

    accuracy: float
    n_images: int
    skipped: tuple[tuple[str, str], ...]
    flips: dict[str, int]
    sweeps: tuple[str, ...]
    training: "Summary | None" = None


# Before the work


def announce(plan: Plan, stores: Sequence[Contents], seconds: RunSeconds) -> list[str]:
    """Say what a run will do, how long it will take, and how large its store will be.

    Parameters
    ----------
    plan
        The plan of the run.
    stores
        What its store holds of the images, then of training images if there are any; see `contents_of`.
    seconds
        The time of the run on one device.
    """
    units = ", ".join(f"{site.name} ({site.n_units} units)" for site in plan.sites)
    attribution, training = plan.attribution, plan.of_training()
    n = len(set(pick_devices(plan.options.device)))  # two processes on one device share it
    lines = [
        f"{plan.model.spec} with weights {plan.model.weights}, on {device_name(plan.device)}",
        f"{len(plan.candidates)} images of {len(plan.classes.names)} classes, {plan.n_outputs} outputs",
        *([] if training is None else [f"{len(training.candidates)} training images of the same classes"]),
        *plan.classes.told(),
        f"layers: {units}",
        *plan.conditions,
        _times(seconds.on(n), attribution.seconds / n),
        *_sizes(stores),
    ]
    lines += [
        f"{site.name} is swept by whole forward passes, because {reason}; the engine would take a fraction of the time"
        for site, reason in plan.slow.items()
    ]
    if attribution.postponed:
        lines.append(
            f"{attribution.postponed:.0%} of the attribution maps are left for later: all of them would take longer "
            "than the rest of the run. The run makes the gradient on all exemplars and integrated gradients on the "
            "first. `python -m precompute experiment attribution STORE.h5` makes the others, of one unit or of all."
        )
    return [*lines, *_left_out(attribution)]


def _times(seconds: RunSeconds, attributions: float) -> str:
    """Say how long the run will take, and each of its stages."""
    told = ", ".join(f"{name} {duration(took)}" for name, took in seconds.stages.items())
    of_these = f"; attributions {duration(attributions)} of these" if attributions else ""
    return f"Estimated: {duration(seconds.total)} in all: {told}{of_these}"


def _sizes(stores: Sequence[Contents]) -> list[str]:
    """Say how large the store will be, by part, and how much disk the side files need until then."""
    by_part = [bytes_by_part(contents) for contents in stores]
    parts = {name: sum(each[name] for each in by_part) for name in by_part[0]}
    told = ", ".join(f"{name} {size(n_bytes)}" for name, n_bytes in parts.items() if n_bytes)
    return [
        f"Store: about {size(sum(parts.values()))}, at most {size(at_most(parts))}: {told}",
        f"Side files until then: {size(sum(map(side_file_bytes, stores)))}",
    ]


def _left_out(attribution: AttributionPlan) -> list[str]:
    """Say which attribution methods are left out, in one sentence for each reason."""
    methods: dict[str, list[str]] = {}
    for left_out in attribution.left_out.values():
        for name, reason in left_out.items():
            methods.setdefault(reason, [])
            if name not in methods[reason]:
                methods[reason].append(name)
    return [f"{_are(names)} left out: {reason}" for reason, names in sorted(methods.items())]


def _are(names: list[str]) -> str:
    """Join the names of methods, and add "is" or "are"."""
    words = [name.replace("_", " ") for name in names]
    words[0] = words[0].capitalize()
    return f"{' and '.join(filter(None, [', '.join(words[:-1]), words[-1]]))} {'is' if len(words) == 1 else 'are'}"


# At the end


def report(summary: Summary, seconds: Mapping[str, float], options: RunOptions) -> list[str]:
    """Say what a run found, how long each stage took, in seconds, and what it wrote."""
    lines = _told(summary, "images") + ([] if summary.training is None else _told(summary.training, "training images"))
    times = ", ".join(f"{name} {duration(each)}" for name, each in seconds.items())
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


# What the store keeps


def initial_record(plan: Plan, command: str, seeds: Mapping[str, int]) -> dict[str, Any]:
    """Return the record of a run as far as it is known before the work: command, versions, device, seeds, options."""
    return {
        "command": command,
        "versions": versions() | library_versions(plan.model.spec),
        "git_commit": git_commit(),
        "device": _where(plan),
        "seeds": dict(seeds),
        "options": as_json_values(plan.options),
        "batch_size": plan.options.batch_size,
        "network_file_sha256": code_digest(plan.model.spec),
        "imported_files_sha256": plan.imported_files,
    }


def _where(plan: Plan) -> str:
    """Say on which devices this part of the run computes its shards."""
    devices, name = pick_devices(plan.options.device), device_name(plan.device)
    if plan.options.ray is not None:
        return f"the Ray cluster {plan.options.ray}, {plan.device.type}"
    if len(devices) == 1:
        return name
    return (
        f"{len(devices)} processes on {', '.join(map(str, devices))}, {threads_each(len(devices))} threads each: {name}"
    )


def told_devices(n_shards: Mapping[str, int]) -> str:
    """Say what computed the shards: by its words alone if one did all, otherwise each with its number of shards."""
    if len(n_shards) == 1:
        return next(iter(n_shards))
    return "; ".join(f"{n} {'shard' if n == 1 else 'shards'} on {device}" for device, n in n_shards.items())


def final_record(initial: Mapping[str, Any], plan: Plan, sweeps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the whole record of a run, for the store.

    Parameters
    ----------
    initial
        What was known before the work, from `initial_record` and from the side files.
    plan
        The plan of the run.
    sweeps
        The record of the sweep of the images, then of the training images if there are any; see `sweep_record`.
    """
    record = {
        **initial,
        "weights": {"name": plan.model.weights, "sha256": plan.weights_digest},
        "transform": plan.model.transform_text,
        **sweeps[0],
        "conditions": [*plan.conditions, *_failures(sweeps[0])],
        "thumbnails": plan.view.rule(plan.probe.shape[1]),
        "decoding": plan.candidates.load.record(),
        "attribution": {
            "exemplars": plan.attribution.n_exemplars,
            "postponed": plan.attribution.postponed,
        },
    }
    return record | {"training": sweeps[1]} if sweeps[1:] else record


def sweep_record(plan: Plan, folder: ShardFolder, images: SweptImages) -> dict[str, Any]:
    """Return the record of one sweep: its images, and how exact it was in each layer."""
    return {
        "image_list_hash": images.list.digest(),
        **_no_op_record(plan, folder, images),
        "ablation_engine": {site.name: _engine_record(plan, folder, images, i) for i, site in enumerate(plan.sites)},
    }


def sweep_report(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Say in sentences what the record of a sweep holds: each layer, the no-op check, failed attributions."""
    lines = [_engine_sentence(layer, said) for layer, said in record["ablation_engine"].items() if "rows" in said]
    rates = f"{record['no_op_flip_rate']:.2%}", f"{record['no_op_flip_rate_before_recheck']:.2%}"
    lines.append(
        f"no-op check: {rates[0]} of {record['no_op_rows']} predictions changed when units were set to their own maps, "
        f"{rates[1]} before re-checks"
    )
    return (*lines, *_failures(record))


def _failures(record: Mapping[str, Any]) -> Iterator[str]:
    for layer, failed in record["failed_attribution"].items():
        for method, reason in failed.items():
            yield f"{label_of(method)} is left out of {layer}: {reason}"


def _engine_sentence(layer: str, said: Mapping[str, Any]) -> str:
    return (
        f"{layer} swept in {said['precision']}: {said['changed']} of {said['rows']} rows computed, "
        f"{said['in_float32']} again in float32, {said['rechecked']} by the plain method; "
        f"of {said['audited']} audited rows {said['differing']} predictions differ from the plain method's, "
        f"log-probabilities by {said['largest_log_prob_error']:.1g} at most and {said['log_prob_error']:.1g} on average"
    )


def _no_op_record(plan: Plan, folder: ShardFolder, images: SweptImages) -> dict[str, Any]:
    found = [
        folder.read(shard, array_name(number, "no_op")) for shard in images.shards for number in range(len(plan.sites))
    ]
    rows, flips, at_first = np.sum(found, axis=0).tolist()
    return {
        "no_op_flip_rate": flips / rows,
        "no_op_flip_rate_before_recheck": at_first / rows,
        "no_op_rows": rows,
    }


def _engine_record(plan: Plan, folder: ShardFolder, images: SweptImages, number: int) -> dict[str, Any]:
    site = plan.sites[number]
    if site in plan.slow:
        return {"method": "plain", "because": plan.slow[site]}
    counts = total(stats_from(folder.read(shard, array_name(number, "counts"))) for shard in images.shards)
    record = asdict(counts)
    record["largest_logit_error"] = record.pop("largest_error")
    return {"method": "exact engine", "precision": plan.options.precision, **record}
