"""Checks of exemplars: lists follow the ranking rule, and attribution maps belong to listed images."""

from collections.abc import Iterator
from functools import partial

import h5py
import numpy as np

from precompute.measures import exemplars
from precompute.store.checks.rules import Problem, Rule, in_float32, in_units, instances, strings


def rules(file: h5py.File, base: str, kind: str) -> Iterator[Rule]:
    """List the rules for one exemplar list of the layer at `base`."""
    if kind in exemplars.RANKINGS:
        ranked = (f"{base}/activation/max", f"{base}/activation/mean", "/images/path")
        stored = (f"{base}/exemplar/{kind}/{part}" for part in ("image", "value", "tied"))
        yield Rule((base, *ranked, *stored), partial(_lists, file, base, kind))


def map_rules(file: h5py.File, base: str) -> Iterator[Rule]:
    """List the rules that attribution maps of the layer at `base` belong to its first top exemplars."""
    for path in instances(file, f"{base}/attribution/<method>/map"):
        if path in file:
            yield Rule((base, path, f"{base}/exemplar/top/image"), partial(_maps, file, base, path))
            computed = f"{path.removesuffix('/map')}/computed"
            if computed in file:
                yield Rule((path, computed), partial(_computed, file, path, computed))


def _lists(file: h5py.File, base: str, kind: str) -> Iterator[Problem]:
    group, activation = file[f"{base}/exemplar/{kind}"], file[f"{base}/activation"]
    checksum = exemplars.path_checksums(strings(file, "/images/path"))
    image, value, tied = (group[part][...] for part in ("image", "value", "tied"))
    agrees = np.empty((3, len(image)), dtype=bool)
    for unit in range(len(image)):
        largest, mean = activation["max"][unit], activation["mean"][unit]
        chosen, n_tied = exemplars.RANKINGS[kind](largest, mean, checksum, image.shape[1])
        agrees[:, unit] = (
            np.array_equal(image[unit], chosen),
            np.array_equal(value[unit], largest[chosen]),
            tied[unit] == n_tied,
        )
    wrong = dict(zip(("image", "value", "tied"), ~agrees, strict=True))
    what = {"image": "the images of the ranking", "value": "activation/max on the ranked images", "tied": "the ties"}
    for part, units in wrong.items():
        if units.any():
            yield Problem(f"{base}/exemplar/{kind}/{part}", f"these are not {what[part]} {in_units(units)}")


def _maps(file: h5py.File, base: str, path: str) -> Iterator[Problem]:
    image = file.get(f"{base}/exemplar/top/image")
    n_shown, n_maps = 0 if image is None else image.shape[1], file[path].shape[1]
    if n_maps > n_shown:
        yield Problem(path, f"expected maps of at most {n_shown} top exemplars, found {n_maps}")


def _computed(file: h5py.File, path: str, computed: str) -> Iterator[Problem]:
    maps, said = file[path], file[computed][...].astype(bool)
    if said.shape != maps.shape[:2]:
        yield Problem(computed, f"expected the shape {maps.shape[:2]} of the maps, found {said.shape}")
        return
    held = np.array([~np.isnan(in_float32(maps[unit])).any((1, 2)) for unit in range(len(maps))])
    wrong = (held != said).any(1)
    if wrong.any():
        yield Problem(computed, f"expected it to say which maps there are; it does not {in_units(wrong)}")
