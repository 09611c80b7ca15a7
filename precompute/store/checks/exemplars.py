"""Which images are shown: they are those of the ranking rule, and there is a picture of each."""

from collections.abc import Callable, Iterator
from functools import partial

import h5py
import numpy as np

from precompute.measures import exemplars
from precompute.store.checks.form import has_older_pictures
from precompute.store.checks.rules import Problem, Rule, in_units, instances, strings

_RANKINGS = {"top": exemplars.top, "bottom": exemplars.bottom, "quantile": exemplars.quantile}
_PICTURES = ("/images/thumbnail", "/images/thumbnail_end")
_JPEG = b"\xff\xd8"


def rules(file: h5py.File, base: str, kind: str) -> Iterator[Rule]:
    """List what must hold for one exemplar list of the layer at `base`."""
    if kind in _RANKINGS:
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


def picture_rule(file: h5py.File) -> Rule:
    """Return the rule that every image shown in any list has a picture."""
    lists = instances(file, "/layers/<layer>/exemplar/<kind>/image")
    return Rule((*_PICTURES, "/images/path", *lists), partial(_pictures, file, lists))


def _lists(file: h5py.File, base: str, kind: str) -> Iterator[Problem]:
    group, activation = file[f"{base}/exemplar/{kind}"], file[f"{base}/activation"]
    checksum = exemplars.path_checksums(strings(file, "/images/path"))
    image, value, tied = (group[part][...] for part in ("image", "value", "tied"))
    agrees = np.empty((3, len(image)), dtype=bool)
    for unit in range(len(image)):
        largest, mean = activation["max"][unit], activation["mean"][unit]
        chosen, n_tied = _RANKINGS[kind](largest, mean, checksum, image.shape[1])
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
    held = np.array([~np.isnan(maps[unit]).any((1, 2)) for unit in range(len(maps))])
    wrong = (held != said).any(1)
    if wrong.any():
        yield Problem(computed, f"expected it to say which maps there are; it does not {in_units(wrong)}")


def _pictures(file: h5py.File, lists: list[str]) -> Iterator[Problem]:
    held = _older_pictures(file) if has_older_pictures(file) else _run_of_pictures(file)
    shown = np.unique(np.concatenate([np.zeros(0, int), *(file[path][...].ravel() for path in lists)]))
    if held is None:
        yield Problem("/images/thumbnail_end", "expected edges that rise from 0 to the number of bytes")
        return
    starts = [held(int(image))[:2] for image in shown if 0 <= image < len(file["/images/path"])]
    n_empty, n_foreign = starts.count(b""), sum(start not in (b"", _JPEG) for start in starts)
    if n_empty:
        yield Problem("/images/thumbnail", f"{n_empty} images that the exemplar lists show have no picture")
    if n_foreign:
        yield Problem("/images/thumbnail", f"{n_foreign} pictures are not JPEG")


def _older_pictures(file: h5py.File) -> Callable[[int], bytes]:
    thumbnail = file["/images/thumbnail"]
    return lambda image: bytes(thumbnail[image])


def _run_of_pictures(file: h5py.File) -> Callable[[int], bytes] | None:
    """Return what gives an image's picture; None where the edges cannot be right."""
    thumbnail, edges = file["/images/thumbnail"], np.r_[0, file["/images/thumbnail_end"][...]]
    if edges[-1] != len(thumbnail) or (np.diff(edges) < 0).any():
        return None
    return lambda image: thumbnail[edges[image] : edges[image + 1]].tobytes()
