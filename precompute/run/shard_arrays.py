"""What the arrays of a shard are called: the one place that says so, for those who write and those who merge them."""

from collections.abc import Sequence
from dataclasses import asdict, astuple

import numpy as np

from precompute.ablation.no_op import NoOpCheck
from precompute.ablation.sweep_stats import Counts
from precompute.images.loading import Batch
from precompute.stages.ablation import Effect
from precompute.stages.activations import Answer, Responses, log_softmax
from precompute.stages.exemplar_maps import Maps


def answer_arrays(found: Answer, target: np.ndarray) -> dict[str, np.ndarray]:
    """Name the baseline and the activations of a shard."""
    log_prob = log_softmax(found.logits)[np.arange(len(target)), target].astype(np.float32)
    arrays = {"prediction": found.logits.argmax(axis=1).astype(np.int32), "log_prob": log_prob}
    for number, responses in enumerate(found.responses.values()):
        arrays |= {array_name(number, "max"): responses.max, array_name(number, "mean"): responses.mean}
        if responses.positive_mean is not None:
            arrays[array_name(number, "positive_mean")] = responses.positive_mean
        if responses.other_tokens is not None:
            arrays[array_name(number, "other_tokens")] = responses.other_tokens
    return arrays


def effect_arrays(number: int, kind: str, effect: Effect) -> dict[str, np.ndarray]:
    """Name the effect of one kind of ablation of one layer."""
    return {
        array_name(number, kind, "flip_unit"): effect.flip_unit,
        array_name(number, kind, "flip_image"): effect.flip_image,
        array_name(number, kind, "flip_prediction"): effect.flip_prediction,
        array_name(number, kind, "log_prob_change"): effect.log_prob_change,
    }


def no_op_arrays(number: int, check: NoOpCheck) -> dict[str, np.ndarray]:
    """Name what the no-op check of one layer found: rows, flips, and flips before rows were computed again."""
    return {array_name(number, "no_op"): np.array([check.rows, check.flips, check.flips_at_first])}


def count_arrays(number: int, counts: Counts) -> dict[str, np.ndarray]:
    """Name what the engine counted in one layer."""
    return {array_name(number, "counts"): np.array(astuple(counts))}


def counts_from(array: np.ndarray) -> Counts:
    """Return the counts that an array of `count_arrays` holds."""
    empty = asdict(Counts())
    return Counts(**{name: type(empty[name])(value) for name, value in zip(empty, array.tolist(), strict=True)})


def bad_arrays(batch: Batch) -> dict[str, np.ndarray]:
    """Name the images of a shard that could not be read."""
    return {
        "bad_position": np.array([position for position, _ in batch.bad], dtype=np.int64),
        "bad_reason": np.array([reason for _, reason in batch.bad], dtype=np.str_),
    }


def sum_arrays(found: Answer | None) -> dict[str, np.ndarray]:
    """Name the sums over a shard's images from which the units' means follow.

    They are (unit,), or (unit, 1 + token) in layers with tokens apart from the picture: of the picture, then of these.
    """
    if found is None:
        return {"count": np.array(0)}
    sums = {array_name(i, "sum"): _sum(responses) for i, responses in enumerate(found.responses.values())}
    return {"count": np.array(len(found.logits)), **sums}


def _sum(responses: Responses) -> np.ndarray:
    of_picture = responses.mean.sum(axis=1, dtype=np.float64)
    if responses.other_tokens is None:
        return of_picture
    return np.column_stack([of_picture, responses.other_tokens.sum(axis=1, dtype=np.float64)])


def thumbnail_arrays(batch: Batch, pictures: Sequence[bytes]) -> dict[str, np.ndarray]:
    """Name the thumbnails of a shard: one run of bytes, cut at the edges."""
    edges = np.cumsum([0, *map(len, pictures)])
    return {
        "image": np.array(batch.indices, dtype=np.int64),
        "thumbnail": np.frombuffer(b"".join(pictures), dtype=np.uint8),
        "thumbnail_edges": edges,
    }


def map_arrays(number: int, of: str, maps: Maps) -> dict[str, np.ndarray]:
    """Name exemplar maps, or the maps of an attribution method."""
    arrays = {
        array_name(number, of, "unit"): maps.unit,
        array_name(number, of, "slot"): maps.slot,
        array_name(number, of, "map"): maps.map,
    }
    return arrays if maps.error is None else arrays | {array_name(number, of, "error"): maps.error}


def failure_arrays(number: int, of: str, reason: str) -> dict[str, np.ndarray]:
    """Name why an attribution method has no maps in a shard."""
    return {array_name(number, of, "failed"): np.array([reason], dtype=np.str_)}


def array_name(number: int, *parts: str) -> str:
    """Name an array that belongs to one layer, by the layer's number in the run."""
    return "-".join((f"layer{number}", *parts))
