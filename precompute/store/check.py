"""Everything that is missing, half-written or inconsistent in a store, all at once.

Used by the writer before a store is moved into place, by ``python -m precompute check`` and by the tests. Two passes:
the form (what the schema says of paths, types, axes and facts), then, where the form holds, the content (what must
agree with what).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.errors import StoreDamaged, StoreMissing
from precompute.measures.drops import Answers, class_drops, correct_without
from precompute.store import schema
from precompute.store.list_hash import list_hash

# Half a unit in the last place of float32, twice over: drops are stored rounded.
_DROP_TOLERANCE = 1e-6
_UNITS_AT_ONCE = 64


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a store: where, and what."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


def check(path: Path | str) -> list[Problem]:
    """List all that is wrong with a store.

    Parameters
    ----------
    path : Path or str
        The file.

    Returns
    -------
    list of Problem
        Empty for a good store.

    Raises
    ------
    StoreMissing, StoreDamaged
        When there is no such file, or it cannot be opened at all.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreMissing(f"{path}: there is no such file.")
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise StoreDamaged(
            f"{path}: the file cannot be opened as HDF5, it is truncated or something else ({error})."
        ) from error
    with file:
        found = problems_of(file)
        if not file.attrs.get("complete", False):
            found.insert(0, Problem("/", "the store is not stamped complete; its run was stopped or is still going on"))
    return found


def problems_of(file: h5py.File) -> list[Problem]:
    """List all that is wrong with an open store, other than that it is not yet stamped complete."""
    found = [*_root_problems(file), *_form_problems(file)]
    if not found:
        found = list(_readable(file, _content_problems))
    return found


def _root_problems(file: h5py.File) -> Iterator[Problem]:
    for name in schema.ROOT_FACTS:
        if name not in file.attrs:
            yield Problem("/", f"the fact {name!r} is missing")
    if file.attrs.get("format", schema.FORMAT) != schema.FORMAT:
        yield Problem("/", f"expected the format {schema.FORMAT!r}, found {file.attrs['format']!r}")
    version = str(file.attrs.get("version", schema.VERSION))
    if version.split(".")[0] != str(schema.VERSION):
        yield Problem("/", f"expected version {schema.VERSION}, found {version}")


# The form


def _form_problems(file: h5py.File) -> Iterator[Problem]:
    sizes = _axis_sizes(file)
    for group in _groups(file):
        if group not in file:
            yield Problem(group, "the group is missing")
            continue
        yield from _missing_facts(file, group)
    for path, entry in _expected(file):
        if path not in file:
            if entry.required:
                yield Problem(path, "the dataset is missing")
            continue
        yield from _dataset_problems(file[path], path, entry, sizes)


def _groups(file: h5py.File) -> Iterator[str]:
    yield from ("/model", "/classes", "/images", "/baseline", "/layers")
    for layer in _names(file, "/layers"):
        yield f"/layers/{layer}"
        yield from (f"/layers/{layer}/measure/{name}" for name in _names(file, f"/layers/{layer}/measure"))


def _missing_facts(file: h5py.File, group: str) -> Iterator[Problem]:
    for pattern, names in schema.GROUP_FACTS.items():
        if schema.Entry(pattern, "", (), "", "").matches(group):
            for name in names:
                if name not in file[group].attrs:
                    yield Problem(group, f"the fact {name!r} is missing")


def _expected(file: h5py.File) -> Iterator[tuple[str, schema.Entry]]:
    """Every path that the schema asks for, given the layers, kinds, measures and methods that the file holds."""
    for entry in schema.ENTRIES:
        yield from ((path, entry) for path in _instances(file, entry.path))


def _instances(file: h5py.File, pattern: str) -> list[str]:
    paths = [""]
    for part in pattern.split("/")[1:]:
        if part.startswith("<"):
            paths = [f"{path}/{name}" for path in paths for name in _names(file, path)]
        else:
            paths = [f"{path}/{part}" for path in paths]
    return paths


def _names(file: h5py.File, path: str) -> tuple[str, ...]:
    group = file.get(path)
    return tuple(group) if isinstance(group, h5py.Group) else ()


def _axis_sizes(file: h5py.File) -> dict[str, int]:
    """Sizes of the axes that the whole file shares, as far as they can be told."""
    sizes = {}
    for axis, path in {"image": "/images/path", "class": "/classes/name"}.items():
        if isinstance(file.get(path), h5py.Dataset) and file[path].ndim == 1:
            sizes[axis] = file[path].shape[0]
    return sizes


def _dataset_problems(dataset: Any, path: str, entry: schema.Entry, sizes: dict[str, int]) -> Iterator[Problem]:
    if not isinstance(dataset, h5py.Dataset):
        yield Problem(path, "expected a dataset, found a group")
        return
    for name in schema.DATASET_FACTS:
        if name not in dataset.attrs:
            yield Problem(path, f"the fact {name!r} is missing")
    if not _has_type(dataset, entry.dtype):
        yield Problem(path, f"expected the type {entry.dtype}, found {dataset.dtype}")
    if not entry.axes:
        return
    if dataset.ndim != len(entry.axes):
        yield Problem(path, f"expected the axes {entry.axes}, found the shape {dataset.shape}")
        return
    known = {**sizes, **_unit_sizes(dataset)}
    for axis, size in zip(entry.axes, dataset.shape, strict=True):
        if known.get(axis, size) != size:
            yield Problem(path, f"expected {known[axis]} along the axis {axis!r}, found {size}")


def _unit_sizes(dataset: h5py.Dataset) -> dict[str, int]:
    parts = dataset.name.split("/")
    if parts[1] != "layers":
        return {}
    n_units = dataset.file[f"/layers/{parts[2]}"].attrs.get("n_units")
    return {} if n_units is None else {"unit": int(n_units), "unit+1": int(n_units) + 1}


def _has_type(dataset: h5py.Dataset, dtype: str) -> bool:
    if dtype == schema.ANY:
        return True
    if dtype == schema.STRING:
        return h5py.check_string_dtype(dataset.dtype) is not None
    if dtype == schema.BYTES:
        return h5py.check_vlen_dtype(dataset.dtype) == np.dtype("u1")
    return bool(dataset.dtype == np.dtype(dtype))


# The content


def _readable(file: h5py.File, find: Callable[[h5py.File], Iterator[Problem]]) -> Iterator[Problem]:
    try:
        yield from find(file)
    except OSError as error:
        yield Problem("/", f"a block of the file cannot be read ({error})")


def _content_problems(file: h5py.File) -> Iterator[Problem]:
    index_problems = list(_index_problems(file))
    yield from index_problems
    if index_problems:
        return
    before = _answers(file)
    for layer in _names(file, "/layers"):
        yield from _activation_problems(file, layer)
        for kind in _names(file, f"/layers/{layer}/ablation"):
            yield from _ablation_problems(file, f"/layers/{layer}/ablation/{kind}", before)
        for kind in _names(file, f"/layers/{layer}/exemplar"):
            yield from _exemplar_problems(file, layer, kind, len(before.label))
        yield from _attribution_problems(file, layer)


def _answers(file: h5py.File) -> Answers:
    label = file["/images/label"][...]
    target = file["/classes/output_index"][...][label]
    return Answers(file["/baseline/prediction"][...], target, label, len(file["/classes/name"]))


def _index_problems(file: h5py.File) -> Iterator[Problem]:
    n_classes, n_outputs = len(file["/classes/name"]), int(file["/model"].attrs["n_outputs"])
    output = file["/classes/output_index"][...]
    yield from _out_of_range("/images/label", file["/images/label"][...], n_classes)
    yield from _out_of_range("/classes/output_index", output, n_outputs)
    yield from _out_of_range("/baseline/prediction", file["/baseline/prediction"][...], n_outputs)
    if len(np.unique(output)) != len(output):
        yield Problem("/classes/output_index", "two classes have the same output")
    if np.isnan(file["/baseline/log_prob"][...]).any():
        yield Problem("/baseline/log_prob", "values are missing (NaN)")
    folders = file["/classes/name"].asstr()[...]
    label = file["/images/label"][...]
    if ((label >= 0) & (label < n_classes)).all():
        digest = list_hash(file["/images/path"].asstr()[...], folders[label])
        if digest != file["/images"].attrs["list_hash"]:
            yield Problem("/images", "the list hash is not that of the paths and labels")


def _out_of_range(path: str, values: NDArray[Any], stop: int) -> Iterator[Problem]:
    outside = int(((values < 0) | (values >= stop)).sum())
    if outside:
        yield Problem(path, f"{outside} values lie outside 0 to {stop - 1}")


def _activation_problems(file: h5py.File, layer: str) -> Iterator[Problem]:
    base = f"/layers/{layer}/activation"
    largest, mean = file[f"{base}/max"], file[f"{base}/mean"]
    for start in range(0, len(largest), _UNITS_AT_ONCE):
        block = slice(start, start + _UNITS_AT_ONCE)
        upper, middle = largest[block], mean[block]
        if np.isnan(upper).any() or np.isnan(middle).any():
            yield Problem(base, f"values are missing (NaN) for units {start} to {start + len(upper) - 1}")
            return
        slack = 1e-3 * np.maximum(1, np.abs(upper))
        if (middle > upper + slack).any():
            yield Problem(base, f"a mean exceeds its maximum among units {start} to {start + len(upper) - 1}")
            return


def _ablation_problems(file: h5py.File, base: str, before: Answers) -> Iterator[Problem]:
    indptr, image, prediction = (file[f"{base}/flip/{part}"][...] for part in ("indptr", "image", "prediction"))
    flip_problems = list(_flip_problems(file, f"{base}/flip", before))
    yield from flip_problems
    if flip_problems:
        return
    n_units = len(indptr) - 1
    unit = np.repeat(np.arange(n_units), np.diff(indptr))
    correct = correct_without(unit, image, prediction, n_units, before)
    if (file[f"{base}/correct"][...] != correct).any():
        yield Problem(f"{base}/correct", "the counts do not follow from the baseline and the flips")
        return
    drop = class_drops(before.correct, correct, before.count)
    if not np.allclose(file[f"{base}/drop"][...], drop, atol=_DROP_TOLERANCE, equal_nan=True):
        yield Problem(f"{base}/drop", "the drops do not follow from the counts")


def _flip_problems(file: h5py.File, base: str, before: Answers) -> Iterator[Problem]:
    indptr, image, prediction = (file[f"{base}/{part}"][...] for part in ("indptr", "image", "prediction"))
    if indptr[0] != 0 or indptr[-1] != len(image) or (np.diff(indptr) < 0).any() or len(image) != len(prediction):
        yield Problem(f"{base}/indptr", "the flips are not cut into units consistently")
        return
    outside = [
        *_out_of_range(f"{base}/image", image, len(before.label)),
        *_out_of_range(f"{base}/prediction", prediction, int(file["/model"].attrs["n_outputs"])),
    ]
    yield from outside
    if outside:
        return
    unit = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    if len(np.unique(unit * len(before.label) + image)) != len(image):
        yield Problem(f"{base}/image", "an image is listed twice for one unit")
    if (prediction == before.prediction[image]).any():
        yield Problem(f"{base}/prediction", "a flip does not change the prediction")


def _exemplar_problems(file: h5py.File, layer: str, kind: str, n_images: int) -> Iterator[Problem]:
    base = f"/layers/{layer}/exemplar/{kind}"
    image, value = file[f"{base}/image"][...], file[f"{base}/value"][...]
    outside = list(_out_of_range(f"{base}/image", image, n_images))
    yield from outside
    if outside:
        return
    if file[f"{base}/map"].shape[:2] != image.shape or value.shape != image.shape:
        yield Problem(base, "images, values and maps differ in number")
        return
    largest = file[f"/layers/{layer}/activation/max"]
    for unit in range(len(image)):
        if not np.array_equal(value[unit], largest[unit][image[unit]]):
            yield Problem(f"{base}/value", f"the values of unit {unit} are not its activation/max on those images")
            break
        if (np.diff(value[unit]) * (-1 if kind == "top" else 1) < 0).any():
            yield Problem(f"{base}/image", f"the exemplars of unit {unit} are out of order")
            break
    if np.isnan(_blockwise_sum(file[f"{base}/map"])):
        yield Problem(f"{base}/map", "values are missing (NaN)")
    yield from _thumbnail_problems(file, base, image)


def _thumbnail_problems(file: h5py.File, base: str, image: NDArray[Any]) -> Iterator[Problem]:
    thumbnail = file["/images/thumbnail"]
    empty = [int(shown) for shown in np.unique(image) if len(thumbnail[shown]) == 0]
    if empty:
        yield Problem("/images/thumbnail", f"{len(empty)} images that {base} shows have none")


def _attribution_problems(file: h5py.File, layer: str) -> Iterator[Problem]:
    base = f"/layers/{layer}/attribution"
    for method in _names(file, base):
        group = file[f"{base}/{method}"]
        if ("map" in group) == ("left_out" in group.attrs):
            yield Problem(f"{base}/{method}", "expected either a map or the reason why it was left out")
        elif "map" in group and np.isnan(_blockwise_sum(group["map"])):
            yield Problem(f"{base}/{method}/map", "values are missing (NaN)")


def _blockwise_sum(dataset: h5py.Dataset) -> float:
    return float(sum(dataset[unit].astype(np.float64).sum() for unit in range(len(dataset))))
