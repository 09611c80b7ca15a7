"""Checks of the units that fire most on each image, and of the network's highest outputs for it."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.measures.image_top import N_STRONGEST
from precompute.store.checks.frame import n_outputs
from precompute.store.checks.rules import Problem, Rule, agree, blocks, outside

_PREDICTION, _OUTPUT, _LOG_PROB = "/baseline/prediction", "/baseline/top_output", "/baseline/top_log_prob"
# Log-probabilities are rounded to single precision.
_ROUNDING = 1e-5


def layer_rules(file: h5py.File, base: str) -> Iterator[Rule]:
    """List the rules for the strongest units of the layer at `base`."""
    unit, value = (f"{base}/image_top/{part}" for part in ("unit", "value"))
    if unit in file and value in file:
        yield Rule((unit, value, base, f"{base}/activation/max"), partial(_strongest, file, base))
    elif f"{base}/image_top" in file:
        yield Rule((f"{base}/image_top",), partial(_half, unit if value in file else value))


def output_rules(file: h5py.File) -> Iterator[Rule]:
    """List the rules for the highest outputs."""
    if _OUTPUT in file:
        yield Rule((_OUTPUT, _PREDICTION, "/model"), partial(_outputs, file))
    if _LOG_PROB in file:
        yield Rule((_LOG_PROB,), partial(_falling, _LOG_PROB, file[_LOG_PROB]))
        own = ("/baseline/log_prob", "/classes/output_index", "/images/label")
        if _OUTPUT in file and own[0] in file:
            yield Rule((_LOG_PROB, _OUTPUT, *own), partial(_of_true_class, file))


def _half(missing: str) -> Iterator[Problem]:
    yield Problem(missing, "the dataset is missing, although what belongs to it is there")


def _strongest(file: h5py.File, base: str) -> Iterator[Problem]:
    """Units are those with the largest activations: no unit left out exceeds the last, and values are activations."""
    group, largest = file[f"{base}/image_top"], file[f"{base}/activation/max"]
    unit, value = group["unit"][...], group["value"][...]
    n_named = min(N_STRONGEST, len(largest))
    if unit.shape[1] != n_named:
        yield Problem(f"{group.name}/unit", f"expected {n_named} units for each image, found {unit.shape[1]}")
    found = [*outside(f"{group.name}/unit", unit, len(largest)), *_twice(f"{group.name}/unit", unit)]
    yield from found
    yield from _falling(f"{group.name}/value", value)
    if found:
        return
    differs, n_above = _compared(largest, unit, value)
    if differs.any():
        yield Problem(f"{group.name}/value", f"these are not activation/max {_on_images(differs)}")
    if (n_above >= unit.shape[1]).any():
        yield Problem(f"{group.name}/unit", f"stronger units are left out {_on_images(n_above >= unit.shape[1])}")


def _compared(
    largest: h5py.Dataset, unit: NDArray[Any], value: NDArray[Any]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Return on which images a value is not the unit's activation, and how many units exceed the last, (image,)."""
    n_images, start = len(unit), 0
    differs, n_above = np.zeros(n_images, dtype=bool), np.zeros(n_images, dtype=np.int64)
    for block in blocks(largest):
        image, rank = np.nonzero((unit >= start) & (unit < start + len(block)))
        wrong = block[unit[image, rank] - start, image] != value[image, rank]
        differs[image[wrong]] = True
        n_above += (block > value[:, -1]).sum(axis=0)
        start += len(block)
    return differs, n_above


def _outputs(file: h5py.File) -> Iterator[Problem]:
    output = file[_OUTPUT][...]
    yield from outside(_OUTPUT, output, n_outputs(file))
    yield from _twice(_OUTPUT, output)
    if not np.array_equal(output[:, 0], file[_PREDICTION][...]):
        yield Problem(_OUTPUT, "the highest output is not the prediction")


def _of_true_class(file: h5py.File) -> Iterator[Problem]:
    own = file["/classes/output_index"][...][file["/images/label"][...]]
    image, rank = np.nonzero(file[_OUTPUT][...] == own[:, None])
    if not agree(file[_LOG_PROB][...][image, rank], file["/baseline/log_prob"][...][image]):
        yield Problem(_LOG_PROB, "the log-probability of the true class is not that of the baseline")


def _falling(path: str, values: Any) -> Iterator[Problem]:
    rises = (np.diff(values[...], axis=1) > _ROUNDING).any(axis=1)
    if rises.any():
        yield Problem(path, f"the values rise from rank to rank {_on_images(rises)}")


def _twice(path: str, values: NDArray[Any]) -> Iterator[Problem]:
    twice = (np.diff(np.sort(values, axis=1), axis=1) == 0).any(axis=1)
    if twice.any():
        yield Problem(path, f"the same is named twice {_on_images(twice)}")


def _on_images(wrong: NDArray[np.bool_]) -> str:
    """Say on which images something is wrong; `wrong` is (image,) with at least one true entry."""
    first, n_others = int(np.argmax(wrong)), int(wrong.sum()) - 1
    return f"on image {first}" + (f" and {n_others} more" if n_others else "")
