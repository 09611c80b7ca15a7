"""The passes over all images: the means of units, and the sweep that silences every unit on every image.

The result of a shard depends on no other shard and is written to side files at once. So a stopped run can be resumed,
and memory does not grow with the number of images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.no_op import NoOpCheck
from precompute.ablation.sweep_stats import SweepStats
from precompute.ablation_kinds import kind_of
from precompute.errors import EngineDoubted, ModelError
from precompute.images.folder import ImageList, refuse_many_bad
from precompute.images.loading import Batch
from precompute.models.fixed import refuse_mixing
from precompute.models.sites import Site
from precompute.models.trust import refuse_not_numbers, refuse_units_not_numbers
from precompute.progress import Progress
from precompute.run.image_set import MEANS_PASS, SWEEP_PASS, ImageSet, ReadShard, file_arrays
from precompute.run.plan import Plan
from precompute.run.run_stages import MEANS, SWEEP
from precompute.run.shards import ShardFolder, array_name
from precompute.stages.ablation import Effect, sweep
from precompute.stages.activations import Answer, SpatialSummary, answer, highest_outputs, log_softmax
from precompute.workers.recipe import Advance, Arrays


@dataclass(frozen=True, eq=False)
class SweptImages:
    """The images of a finished sweep.

    Parameters
    ----------
    list
        The images that could be read, in order.
    skipped
        Path and reason of every image that could not be read.
    shards
        The names of the shards with at least one readable image, in order.
    """

    list: ImageList
    skipped: tuple[tuple[str, str], ...]
    shards: tuple[str, ...]


def unreadable(candidates: ImageList, folder: ShardFolder, shards: Sequence[str]) -> dict[str, str]:
    """Return the reason for every image in some shards that could not be read, by its path."""
    if not shards:
        return {}
    position, reason = (folder.read_all(shards, name) for name in ("bad_position", "bad_reason"))
    return {candidates.paths[p]: str(r) for p, r in zip(position, reason, strict=True)}


def find_swept_images(candidates: ImageList, folder: ShardFolder, shards: Sequence[str]) -> SweptImages:
    """Find out from the side files which images a sweep could read."""
    position = folder.read_all(shards, "bad_position")
    skipped = tuple(unreadable(candidates, folder, shards).items())
    held = tuple(shard for shard in shards if "prediction" in folder.names(shard))
    return SweptImages(candidates.without(position.tolist()), skipped, held)


def sweep_all(image_set: ImageSet, means: Mapping[Site, np.ndarray], progress: Progress) -> SweptImages:
    """Sweep every shard that has not been swept yet.

    Parameters
    ----------
    image_set
        The images.
    means
        The means of the units, from `find_unit_means`; empty if no kind of ablation needs them.
    progress
        Shows the stage ``sweep``.

    Returns
    -------
    SweptImages
        The images that could be read.

    Raises
    ------
    ImageFolderError
        If too many images cannot be read.
    EngineDoubted
        If the engine is wrong about a layer, so that the plain method has to sweep it.
    ModelError
        If outputs are NaN or infinite, or the network does not always give the same answer for an image.
    """
    plan, folder, images = image_set.plan, image_set.folder, image_set.listed()
    shards = image_set.cut(SWEEP_PASS, len(images))
    todo = image_set.todo(shards)
    n_ablations = _n_ablations(plan)
    bad = unreadable(images, folder, [name for name in shards if name not in todo])
    _refuse_many_bad(plan, bad)  # the shards of before may have been swept with bad images allowed
    with progress.stage(
        image_set.stage_prefix + SWEEP, n_ablations * len(plan.candidates), unit="ablated images"
    ) as stage:
        stage.advance(n_ablations * (len(plan.candidates) - sum(map(len, todo.values()))))
        for name in image_set.compute(partial(_sweep_one, means=means), images, todo, stage):
            bad |= unreadable(images, folder, [name])
            _refuse_many_bad(plan, bad)
    return find_swept_images(image_set.listed(), folder, list(shards))


def _refuse_many_bad(plan: Plan, bad: Mapping[str, str]) -> None:
    if not plan.options.allow_bad:
        refuse_many_bad(plan.candidates, bad)


def _n_ablations(plan: Plan) -> int:
    """Count the ablations of one image: every unit by every kind."""
    return sum(site.n_units for site in plan.sites) * len(plan.options.ablation)


def _sweep_one(plan: Plan, shard: ReadShard, advance: Advance, *, means: Mapping[Site, np.ndarray]) -> Arrays:
    """Compute the answers, activations and effects of ablation of one shard."""
    network, batch = plan.model.network, shard.batch
    arrays = bad_arrays(batch) | file_arrays(batch)
    advance(_n_ablations(plan) * len(batch.bad))
    if not batch.indices:
        return arrays
    found = answer(network, plan.sites, batch.inputs.split(plan.options.batch_size), keep=plan.kept)
    target = plan.classes.output_index[shard.labels]
    arrays |= answer_arrays(found, target)
    refuse_not_numbers(batch.inputs, found.logits, shard.names)
    for site in plan.sites:
        refuse_units_not_numbers(site.name, found.responses[site].mean, shard.names)
    refuse_mixing(network, batch.inputs[: plan.options.batch_size])
    for number, site in enumerate(plan.sites):
        answered = _AnsweredShard(batch.inputs, found, target)
        arrays |= _sweep_layer(plan, number, answered, means.get(site), advance)
    return arrays


@dataclass(frozen=True, eq=False)
class _AnsweredShard:
    """The inputs of a shard, the answers of the network, and the right output of each image, (image,)."""

    inputs: Tensor
    found: Answer
    target: np.ndarray


def _sweep_layer(plan: Plan, number: int, shard: _AnsweredShard, means: np.ndarray | None, advance: Advance) -> Arrays:
    """Sweep a layer by each kind of ablation, and check the sweep by ablations that change nothing.

    Raises
    ------
    EngineDoubted
        If the engine is wrong about the layer.
    ModelError
        If the network itself does not always give the same answer for an image.
    """
    site = plan.sites[number]
    arrays: dict[str, np.ndarray] = {}
    ablater = plan.ablaters[site]
    ablater.start_counting()
    check = NoOpCheck(ablater, site.n_units, torch.from_numpy(shard.found.logits.argmax(axis=1)))
    for kind in plan.options.ablation:
        effect = sweep(
            check,
            shard.inputs,
            ablations_to(site, kind_of(kind).values(site.n_units, means)),
            baseline=shard.found.logits,
            target=shard.target,
            at_layer=shard.found.outputs.get(site),
            advance=advance,
        )
        arrays |= effect_arrays(number, kind, effect)
    arrays |= no_op_arrays(number, check)
    if ablater.counts is not None:
        arrays |= stats_arrays(number, ablater.counts)
    _refuse_changed_by_no_op(site, check)
    return arrays


def _refuse_changed_by_no_op(site: Site, check: NoOpCheck) -> None:
    changed = f"{check.flips} of {check.rows} predictions changed when its units were set to their own maps"
    if check.ablater is check.ablater.plain:
        if check.flips:
            raise ModelError(
                f"{site.name}: {changed}, by whole forward passes, so the network does not answer the same way each "
                "time. Make it a fixed function of the image: look for random choices, and for what the "
                "forward function keeps from one call to the next."
            )
        return
    if check.flips:
        raise EngineDoubted(site.name, changed)


def ablations_to(site: Site, values: np.ndarray) -> list[Ablation]:
    """Return the ablations that set each unit to its value.

    Parameters
    ----------
    site
        The layer.
    values
        (unit,), or (unit, 1 + token) in a layer with tokens apart from the picture, as from `find_unit_means`.
    """
    if values.ndim == 1:
        return each_unit(values.tolist())
    return each_unit(values[:, 0].tolist(), site.laid_out(torch.from_numpy(values)).float())


# The arrays of a shard


def answer_arrays(found: Answer, target: np.ndarray) -> dict[str, np.ndarray]:
    """Return the baseline and the activations of a shard as arrays by name.

    Parameters
    ----------
    found
        The answers of the network, with the activations of every layer.
    target
        (image,) the right output of each image.
    """
    every = log_softmax(found.logits)
    log_prob = every[np.arange(len(target)), target].astype(np.float32)
    arrays = {"prediction": found.logits.argmax(axis=1).astype(np.int32), "log_prob": log_prob}
    highest = highest_outputs(found.logits)
    arrays |= {
        "top_output": highest.astype(np.int32),
        "top_log_prob": np.take_along_axis(every, highest, axis=1).astype(np.float32),
    }
    for number, responses in enumerate(found.responses.values()):
        arrays |= {array_name(number, "max"): responses.max, array_name(number, "mean"): responses.mean}
        if responses.positive_mean is not None:
            arrays[array_name(number, "positive_mean")] = responses.positive_mean
        if responses.other_tokens is not None:
            arrays[array_name(number, "other_tokens")] = responses.other_tokens
    return arrays


def effect_arrays(number: int, kind: str, effect: Effect) -> dict[str, np.ndarray]:
    """Return the effect of one kind of ablation on one layer as arrays by name."""
    return {
        array_name(number, kind, "flip_unit"): effect.flip_unit,
        array_name(number, kind, "flip_image"): effect.flip_image,
        array_name(number, kind, "flip_prediction"): effect.flip_prediction,
        array_name(number, kind, "log_prob_change"): effect.log_prob_change,
    }


def no_op_arrays(number: int, check: NoOpCheck) -> dict[str, np.ndarray]:
    """Return the result of the no-op check of a layer by name: rows, flips, and flips before the re-checks."""
    return {array_name(number, "no_op"): np.array([check.rows, check.flips, check.flips_at_first])}


def stats_arrays(number: int, counts: SweepStats) -> dict[str, np.ndarray]:
    """Return what the engine counted in one layer as an array by name."""
    return {array_name(number, "counts"): np.array(astuple(counts))}


def stats_from(array: np.ndarray) -> SweepStats:
    """Return the counts that an array of `stats_arrays` holds."""
    empty = asdict(SweepStats())
    return SweepStats(**{name: type(empty[name])(value) for name, value in zip(empty, array.tolist(), strict=True)})


def bad_arrays(batch: Batch) -> dict[str, np.ndarray]:
    """Return the positions of unreadable images, and the reasons, as arrays by name."""
    return {
        "bad_position": np.array([position for position, _ in batch.bad], dtype=np.int64),
        "bad_reason": np.array([reason for _, reason in batch.bad], dtype=np.str_),
    }


# Means of units, for mean ablation


def find_unit_means(image_set: ImageSet, progress: Progress) -> dict[Site, np.ndarray]:
    """Find the mean activation of every unit over all images and over space.

    Parameters
    ----------
    image_set
        The images.
    progress
        Shows the stage ``unit means``.

    Returns
    -------
    dict of Site to np.ndarray
        For every layer (unit,): the mean over images and positions. In a layer with tokens apart from the picture
        (unit, 1 + token): the mean over images and the tokens of the picture, then the mean of each other token over
        images.
    """
    images = image_set.listed()
    shards = image_set.cut(MEANS_PASS, len(images))
    with progress.stage(MEANS, len(images)) as stage:
        for _name in image_set.compute(_sums, images, image_set.todo(shards), stage):
            pass
    return unit_means(image_set.plan.sites, image_set.folder, list(shards))


def _sums(plan: Plan, shard: ReadShard, advance: Advance) -> Arrays:
    advance(len(shard.batch.indices) + len(shard.batch.bad))
    files, inputs = file_arrays(shard.batch), shard.batch.inputs.split(plan.options.batch_size)
    return files | sum_arrays(answer(plan.model.network, plan.sites, inputs) if shard.batch.indices else None)


def unit_means(sites: Sequence[Site], folder: ShardFolder, shards: Sequence[str]) -> dict[Site, np.ndarray]:
    """Return the mean of every unit from the sums in the side files; see `find_unit_means`."""
    counts = [int(folder.read(shard, "count")) for shard in shards]
    held = [shard for shard, count in zip(shards, counts, strict=True) if count]
    return {
        site: np.sum([folder.read(shard, array_name(i, "sum")) for shard in held], axis=0) / sum(counts)
        for i, site in enumerate(sites)
    }


def sum_arrays(found: Answer | None) -> dict[str, np.ndarray]:
    """Return the number of images in a shard and the sums of the units over them, as arrays by name.

    The sums are (unit,): over images, of the mean over positions. In layers with tokens apart from the picture they
    are (unit, 1 + token): of the mean over the picture, then of each other token. None stands for a shard without
    readable images.
    """
    if found is None:
        return {"count": np.array(0)}
    sums = {array_name(i, "sum"): _sum(responses) for i, responses in enumerate(found.responses.values())}
    return {"count": np.array(len(found.logits)), **sums}


def _sum(responses: SpatialSummary) -> np.ndarray:
    of_picture = responses.mean.sum(axis=1, dtype=np.float64)
    if responses.other_tokens is None:
        return of_picture
    return np.column_stack([of_picture, responses.other_tokens.sum(axis=1, dtype=np.float64)])
