"""What a finished run knows of its making, as the store keeps it."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from precompute.merge.images import Swept
from precompute.plan import Plan
from precompute.shards.arrays import COUNTED, array_name
from precompute.shards.folder import ShardFolder


def provenance_text(plan: Plan, folder: ShardFolder, images: Swept, facts: Mapping[str, Any]) -> str:
    """Say how the store came to be, as JSON text."""
    flips, rows = np.sum([folder.read(shard, "no_op") for shard in images.shards], axis=0).tolist()
    record = {
        **facts,
        "weights": {"name": plan.model.weights, "sha256": plan.weights_digest},
        "transform": plan.model.transform_text,
        "image_list_hash": images.list.digest(),
        "no_op_flip_rate": flips / rows,
        "no_op_rows": rows,
        "ablation_engine": {site.name: _engine_record(plan, folder, images, i) for i, site in enumerate(plan.sites)},
        "notes": list(plan.model.notes),
        "thumbnails": "what the network saw"
        if plan.view.exact
        else "what the network saw, each stretched to its range",
        "attribution": {
            "exemplars": plan.attribution.n_exemplars,
            "reduced": plan.attribution.reduced,
        },
    }
    return json.dumps(record, indent=1)


def _engine_record(plan: Plan, folder: ShardFolder, images: Swept, number: int) -> dict[str, Any]:
    site = plan.sites[number]
    if site in plan.slow:
        return {"method": "plain", "because": plan.slow[site]}
    counts = np.sum([folder.read(shard, array_name(number, "counts")) for shard in images.shards], axis=0)
    errors = [float(folder.read(shard, array_name(number, "largest_error"))) for shard in images.shards]
    return {
        "method": "exact engine",
        "precision": plan.options.precision,
        **dict(zip(COUNTED, counts.tolist(), strict=True)),
        "largest_logit_error": max(errors),
    }
