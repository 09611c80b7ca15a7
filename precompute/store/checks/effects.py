"""Checks of effects of ablation: flips, and the counts, drops and measures that follow from them."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.measures import drops
from precompute.measures.table import measure_name, rows_for
from precompute.store.checks.frame import ANSWERS, answers, n_outputs
from precompute.store.checks.responses import Measures, measure_rules
from precompute.store.checks.rules import Problem, Rule, agree, outside


def rules(file: h5py.File, base: str, kind: str) -> Iterator[Rule]:
    """List the rules for one kind of ablation of the layer at `base`."""
    group = f"{base}/ablation/{kind}"
    flips = tuple(f"{group}/flip/{part}" for part in ("indptr", "image", "prediction"))
    needs = (base, *ANSWERS, *flips)
    yield Rule(flips, partial(_cuts, file, f"{group}/flip"))
    yield Rule(needs, partial(_flips, file, f"{group}/flip"))
    yield Rule((f"{group}/flip/prediction", "/model"), partial(_outputs, file, f"{group}/flip/prediction"))
    yield Rule((*needs, f"{group}/correct"), partial(_counts, file, group))
    yield Rule((*needs, f"{group}/drop"), partial(_drops, file, group))
    yield from measure_rules(
        file, base, tuple(row.name for row in rows_for(kind)), needs, partial(_measures, file, group, kind)
    )


def _cuts(file: h5py.File, base: str) -> Iterator[Problem]:
    indptr, n_flips = file[f"{base}/indptr"][...], len(file[f"{base}/image"])
    if indptr[0] != 0 or indptr[-1] != n_flips or (np.diff(indptr) < 0).any():
        yield Problem(f"{base}/indptr", f"expected steps that rise from 0 to the number of flips, {n_flips}")


def _flips(file: h5py.File, base: str) -> Iterator[Problem]:
    before = answers(file)
    unit, image, prediction = read_flips(file, base)
    unknown = list(outside(f"{base}/image", image, len(before.label)))
    yield from unknown
    if unknown:
        return
    if (np.diff(unit * len(before.label) + image) <= 0).any():
        yield Problem(f"{base}/image", "the images of a unit are out of order, or one is listed twice")
    n_idle = int((prediction == before.prediction[image]).sum())
    if n_idle:
        yield Problem(f"{base}/prediction", f"{n_idle} flips do not change the prediction")


def _outputs(file: h5py.File, path: str) -> Iterator[Problem]:
    yield from outside(path, file[path][...], n_outputs(file))


def _counts(file: h5py.File, group: str) -> Iterator[Problem]:
    if not np.array_equal(file[f"{group}/correct"][...], _correct(file, group, answers(file))):
        yield Problem(f"{group}/correct", "the counts do not follow from the baseline and the flips")


def _drops(file: h5py.File, group: str) -> Iterator[Problem]:
    before = answers(file)
    drop = drops.class_drops(before.correct, _correct(file, group, before), before.count)
    if not agree(file[f"{group}/drop"][...], drop):
        yield Problem(f"{group}/drop", "the drops do not follow from the baseline and the flips")


def _measures(file: h5py.File, group: str, kind: str) -> Measures:
    before = answers(file)
    measures = drops.drop_measures(before, _correct(file, group, before))
    return {measure_name(name, kind): values for name, values in measures.items()}


def read_flips(file: h5py.File, base: str) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Read the unit, the image and the new prediction of every flip, from the group at `base`."""
    indptr = file[f"{base}/indptr"][...]
    unit = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return unit, file[f"{base}/image"][...], file[f"{base}/prediction"][...]


def _correct(file: h5py.File, group: str, before: drops.Answers) -> NDArray[Any]:
    unit, image, prediction = read_flips(file, f"{group}/flip")
    return drops.correct_without(unit, image, prediction, len(file[f"{group}/flip/indptr"]) - 1, before)
