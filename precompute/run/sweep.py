"""The pass that silences every unit on every image."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.engine import Engine
from precompute.ablation.no_op import NoOpCheck
from precompute.ablation.sweep_stats import Counts
from precompute.ablation_kinds import kind_of
from precompute.errors import EngineDoubted, ImageFolderError, ModelError
from precompute.images.loading import Batch
from precompute.models.sites import Site
from precompute.models.trust import refuse_not_numbers
from precompute.progress import Progress, Stage
from precompute.run import shard_arrays as named
from precompute.run.image_set import Part
from precompute.run.plan import Plan
from precompute.run.readable import Swept, bad_count, swept
from precompute.stages.ablation import sweep
from precompute.stages.activations import Answer, answer

_TOLERATED_BAD = 0.05


def sweep_all(part: Part, means: Mapping[Site, np.ndarray], progress: Progress) -> Swept:
    """Sweep every shard that is not yet swept.

    Parameters
    ----------
    part
        The images.
    means
        What mean ablation sets units to, as `precompute.run.means` finds it; empty where the run has none.
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
    EngineDoubted
        When a layer has to be swept by whole passes.
    ModelError
        When outputs are no numbers, or the network does not answer the same way each time.
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
    refuse_not_numbers(batch.inputs, found.logits, [plan.candidates.paths[index] for index in batch.indices])
    for number, site in enumerate(plan.sites):
        shard = _Shard(batch.inputs, found, target)
        arrays |= _sweep_layer(plan, number, shard, means.get(site), stage)
    return arrays


@dataclass(frozen=True, eq=False)
class _Shard:
    """Images, what the network makes of them, and what is right, (image,)."""

    inputs: Tensor
    found: Answer
    target: np.ndarray


def _sweep_layer(
    plan: Plan, number: int, shard: _Shard, means: np.ndarray | None, stage: Stage
) -> dict[str, np.ndarray]:
    """Sweep a layer by each kind of ablation, given the means of its units, and make sure of it.

    Raises
    ------
    EngineDoubted
        Where the engine is wrong about the layer.
    ModelError
        Where the network is: it does not answer the same way each time.
    """
    site = plan.sites[number]
    arrays: dict[str, np.ndarray] = {}
    ablater = plan.ablaters[site]
    if isinstance(ablater, Engine):
        ablater.counts = Counts()
    check = NoOpCheck(ablater, site.n_units, torch.from_numpy(shard.found.logits.argmax(axis=1)))
    for kind in plan.options.ablation:
        effect = sweep(
            check,
            shard.inputs,
            ablations_to(site, kind_of(kind).values(site.n_units, means)),
            baseline=shard.found.logits,
            target=shard.target,
            at_layer=shard.found.outputs.get(site),
            advance=stage.advance,
        )
        arrays |= named.effect_arrays(number, kind, effect)
    arrays |= named.no_op_arrays(number, check)
    if isinstance(ablater, Engine):
        arrays |= named.count_arrays(number, ablater.counts)
    _make_sure(site, check)
    return arrays


def _make_sure(site: Site, check: NoOpCheck) -> None:
    changed = f"{check.flips} of {check.rows} predictions changed when its units were set to their own maps"
    if not isinstance(check.ablater, Engine):
        if check.flips:
            raise ModelError(
                f"{site.name}: {changed}, by whole forward passes, so the network does not answer the same way each "
                "time. Make it a fixed function of the image: look for random choices and for what forward keeps."
            )
        return
    if check.flips:
        raise EngineDoubted(site.name, changed)


def ablations_to(site: Site, values: np.ndarray) -> list[Ablation]:
    """Return what sets each unit to a value: (unit,), or (unit, 1 + token) as `precompute.run.means` has it."""
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
