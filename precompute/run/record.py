"""What a finished run knows of its making, as the store keeps it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from precompute.ablation.sweep_stats import total
from precompute.attribution_methods import label_of
from precompute.run.plan import Plan
from precompute.run.readable import Swept
from precompute.run.shard_arrays import array_name, counts_from
from precompute.run.shards import ShardFolder


def completed(facts: Mapping[str, Any], plan: Plan, sweeps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Add to the facts of a run what it found out on the way.

    Parameters
    ----------
    facts
        What was known before.
    plan
        Of the run.
    sweeps
        The record of its sweep, then of that of the training images where there are some.
    """
    record = {
        **facts,
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


def sweep_record(plan: Plan, folder: ShardFolder, images: Swept) -> dict[str, Any]:
    """Say of which images a sweep was, and how exact."""
    return {
        "image_list_hash": images.list.digest(),
        **_no_op_record(plan, folder, images),
        "ablation_engine": {site.name: _engine_record(plan, folder, images, i) for i, site in enumerate(plan.sites)},
    }


def sweep_report(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Say in sentences what the record of a sweep holds of each layer, of the no-op check, and of what failed later."""
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


def _no_op_record(plan: Plan, folder: ShardFolder, images: Swept) -> dict[str, Any]:
    found = [
        folder.read(shard, array_name(number, "no_op")) for shard in images.shards for number in range(len(plan.sites))
    ]
    rows, flips, at_first = np.sum(found, axis=0).tolist()
    return {
        "no_op_flip_rate": flips / rows,
        "no_op_flip_rate_before_recheck": at_first / rows,
        "no_op_rows": rows,
    }


def _engine_record(plan: Plan, folder: ShardFolder, images: Swept, number: int) -> dict[str, Any]:
    site = plan.sites[number]
    if site in plan.slow:
        return {"method": "plain", "because": plan.slow[site]}
    counts = total(counts_from(folder.read(shard, array_name(number, "counts"))) for shard in images.shards)
    record = asdict(counts)
    record["largest_logit_error"] = record.pop("largest_error")
    return {"method": "exact engine", "precision": plan.options.precision, **record}
