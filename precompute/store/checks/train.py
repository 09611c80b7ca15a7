"""Checks of training images: they have the same layers as the images of the run."""

from collections.abc import Iterator

import h5py

from precompute.store.checks.rules import Problem, names
from precompute.store.schema import TRAIN, layer_path


def problems(file: h5py.File) -> Iterator[Problem]:
    """Find layers that only one of the two sets has, or that differ in their number of units."""
    held, trained = (set(names(file, f"{base}/layers")) for base in ("", TRAIN))
    for layer in sorted(held ^ trained):
        what = "the layer is missing" if layer in held else "the images of the run have no such layer"
        yield Problem(f"{TRAIN}{layer_path(layer)}", what)
    for layer in sorted(held & trained):
        n_units, n_trained = (file[f"{base}{layer_path(layer)}"].attrs.get("n_units") for base in ("", TRAIN))
        if str(n_units) != str(n_trained):  # as texts, because a damaged fact may have any type
            yield Problem(f"{TRAIN}{layer_path(layer)}", f"expected {n_units} units as in the run, found {n_trained}")
