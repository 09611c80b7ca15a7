"""The pass that silences every unit on every image."""

from collections.abc import Mapping

import numpy as np
import torch

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.counts import Counts
from precompute.ablation.engine import Engine
from precompute.ablation.no_op import NoOpCheck
from precompute.errors import ImageFolderError
from precompute.images.loading import Batch
from precompute.merge.images import Swept, bad_count, swept
from precompute.models.sites import Site
from precompute.passes.part import Part
from precompute.plan import Plan
from precompute.progress import Progress, Stage
from precompute.shards import arrays as named
from precompute.stages.ablation import sweep
from precompute.stages.activations import answer

_TOLERATED_BAD = 0.05


def sweep_all(part: Part, means: Mapping[Site, np.ndarray], progress: Progress) -> Swept:
    """Sweep every shard that is not yet swept.

    Parameters
    ----------
    part
        The images.
    means
        What mean ablation sets units to, as `precompute.passes.means` finds it; empty where the run has none.
    progress
        Shows the stage ``sweep``.

    Returns
    -------
    Swept
        The images that could be read.

    Raises
    ------
    ImageFolderError
        When too many cannot.
    """
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
    found = answer(network, plan.sites, batch.inputs.split(plan.options.batch_size), keep=plan.kept)
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
                ablations_to(site, means[site] if kind == "mean" else np.zeros(site.n_units)),
                baseline=found.logits,
                target=target,
                at_layer=found.outputs.get(site),
                advance=stage.advance,
            )
            arrays |= named.effect_arrays(number, kind, effect)
        arrays |= named.no_op_arrays(number, check)
        if isinstance(ablater, Engine):
            arrays |= named.count_arrays(number, ablater.counts)
    return arrays


def ablations_to(site: Site, values: np.ndarray) -> list[Ablation]:
    """Return what sets each unit to a value: (unit,), or (unit, 1 + token) as `precompute.passes.means` has it."""
    if values.ndim == 1:
        return each_unit(values.tolist())
    return each_unit(values[:, 0].tolist(), site.laid_out(torch.from_numpy(values)).float())


def _refuse_too_many_bad(plan: Plan, bad: int) -> None:
    if plan.options.allow_bad or bad <= _TOLERATED_BAD * len(plan.candidates):
        return
    raise ImageFolderError(
        f"{plan.candidates.root}: {bad} of {len(plan.candidates)} files cannot be read as images, more than "
        f"{_TOLERATED_BAD:.0%}. Mend or remove them, or add --allow-bad (and --resume) to leave them out."
    )
