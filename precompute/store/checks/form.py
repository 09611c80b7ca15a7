"""The form of a store: whether its paths, types, axes and facts are those of the schema."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from precompute import ablation_kinds
from precompute.store import schema
from precompute.store.checks.rules import Problem, instances, left_out, names
from precompute.store.experiments import registry
from precompute.store.facts import as_held, has_fact, read_fact
from precompute.store.keep import ALL, KEPT
from precompute.store.stamps import gone

_PICTURES = ("/images/thumbnail", "/images/thumbnail_end")


def problems(file: h5py.File) -> Iterator[Problem]:
    """Find all differences from the schema, each with its path."""
    yield from _root_problems(file)
    for pattern, facts in schema.GROUP_FACTS.items():
        for path in instances(file, pattern):
            yield from _group_problems(file, path, facts)
    for name in set(names(file, "/experiments")).intersection(registry.NAMES):
        path = schema.experiment_path(name)
        yield from _fact_problems(file[path], path, registry.FACTS)
        for layer in names(file, f"{path}/layers"):
            of_layer = f"{path}/layers/{layer}"
            yield from _fact_problems(file[of_layer], of_layer, registry.LAYER_FACTS)
    yield from _layer_problems(file)
    sizes = _shared_sizes(file)
    older = has_older_pictures(file)
    for entry in schema.entries_with(names(file, "/experiments")):
        for path in instances(file, entry.path):
            if not (older and path in _PICTURES):  # older pictures have another type; their number is checked below
                yield from _dataset_problems(file, path, entry, sizes)
    if older and file[_PICTURES[0]].shape != (sizes.get("image"),):
        yield Problem(_PICTURES[0], f"expected a picture or none of each image, found {file[_PICTURES[0]].shape}")


def has_older_pictures(file: h5py.File) -> bool:
    """Whether thumbnails are variable-length elements, as in stores made before they were one run of bytes."""
    held = file.get(_PICTURES[0])
    return isinstance(held, h5py.Dataset) and h5py.check_vlen_dtype(held.dtype) == np.dtype("u1")


# Groups and facts


def _root_problems(file: h5py.File) -> Iterator[Problem]:
    yield from _fact_problems(file["/"], "/", schema.ROOT_FACTS)
    held = str(read_fact(file, "format", schema.FORMAT))
    if held != schema.FORMAT:
        yield Problem("/", f"expected the format {schema.FORMAT!r}, found {held!r}")
    kept = str(read_fact(file, "keep", ALL))
    if kept not in KEPT:
        yield Problem("/", f"expected the fact 'keep' to be {' or '.join(KEPT)}, found {kept!r}")
    version = read_fact(file, "version", schema.VERSION)
    if schema.major(version) != schema.VERSION:
        yield Problem("/", f"expected version {schema.VERSION}, found {version}")


def _group_problems(file: h5py.File, path: str, facts: Mapping[str, schema.Fact]) -> Iterator[Problem]:
    if path in file:
        yield from _fact_problems(file[path], path, facts)
    else:
        yield Problem(path, "the group is missing")


def _fact_problems(item: h5py.HLObject, path: str, facts: Mapping[str, schema.Fact]) -> Iterator[Problem]:
    for name, fact in facts.items():
        if has_fact(item, name):
            value = as_held(item, name)
            if not _is_of_kind(value, fact.kind):
                found = f"{value!r}"[:200]
                yield Problem(path, f"expected the fact {name!r} to be of the kind {fact.kind}, found {found}")
        elif fact.required:
            yield Problem(path, f"the fact {name!r} is missing")


def _is_of_kind(value: Any, kind: str) -> bool:
    array = np.asarray(value)
    if kind.endswith("s"):
        # An empty list has no type of its own.
        return array.ndim == 1 and (array.size == 0 or all(_is_of_kind(part, kind[:-1]) for part in array))
    if kind == "text":
        return isinstance(value, str) or (isinstance(value, bytes) and _is_utf8(value))
    return array.ndim == 0 and array.dtype.kind in {"integer": "iu", "yes/no": "biu"}[kind]


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _layer_problems(file: h5py.File) -> Iterator[Problem]:
    if "/layers" in file and not names(file, "/layers"):
        yield Problem("/layers", "expected at least one layer, found none")
    for part, allowed in (("ablation", ablation_kinds.names()), ("exemplar", schema.EXEMPLAR_KINDS)):
        for path in instances(file, f"/layers/<layer>/{part}/<kind>"):
            if path.rsplit("/", 1)[1] not in allowed:
                yield Problem(path, f"expected one of the kinds {', '.join(allowed)}")
    for path in instances(file, "/layers/<layer>/attribution/<method>"):
        is_gone = any(problem.path == f"{path}/map" for problem in gone(file[path], path))  # reported elsewhere
        if ("left_out" in file[path].attrs) == (f"{path}/map" in file) and not is_gone:
            yield Problem(path, "expected either a map or the reason why it was left out")


# Datasets


def _shared_sizes(file: h5py.File) -> dict[str, int]:
    """Sizes of the axes that the whole file shares, as far as they are known."""
    lists = {"image": file.get("/images/path"), "class": file.get("/classes/name")}
    return {axis: held.shape[0] for axis, held in lists.items() if isinstance(held, h5py.Dataset) and held.ndim == 1}


def _dataset_problems(file: h5py.File, path: str, entry: schema.Entry, shared: Mapping[str, int]) -> Iterator[Problem]:
    if path not in file:
        if entry.required and not left_out(file, entry):
            yield Problem(path, "the dataset is missing")
        return
    if left_out(file, entry):
        yield Problem(path, "expected none in a store that keeps sums only")
        return
    dataset = file[path]
    if not isinstance(dataset, h5py.Dataset):
        yield Problem(path, "expected a dataset, found a group")
        return
    yield from _fact_problems(dataset, path, schema.DATASET_FACTS)
    axes = read_fact(dataset, "axes", entry.axes)
    if not _is_of_kind(axes, "texts") or list(map(str, axes)) != list(entry.axes):
        yield Problem(path, f"expected the fact 'axes' to say {list(entry.axes)}, found {axes}")
    if not _has_type(dataset, entry.dtype):
        yield Problem(path, f"expected the type {entry.dtype}, found {dataset.dtype}")
    if entry.axes:
        yield from _axis_problems(
            dataset, path, entry, {**shared, **_layer_sizes(file, path), **_list_sizes(file, path, entry.axes)}
        )


def _axis_problems(
    dataset: h5py.Dataset, path: str, entry: schema.Entry, sizes: Mapping[str, int]
) -> Iterator[Problem]:
    if dataset.ndim != len(entry.axes):
        yield Problem(path, f"expected the axes {entry.axes}, found the shape {dataset.shape}")
        return
    for axis, size in zip(entry.axes, dataset.shape, strict=True):
        if sizes.get(axis, size) != size:
            yield Problem(path, f"expected {sizes[axis]} along the axis {axis!r}, found {size}")
        if entry.max_side and axis in ("row", "column") and not 1 <= size <= entry.max_side:
            yield Problem(path, f"expected 1 to {entry.max_side} along the axis {axis!r}, found {size}")


def _layer_sizes(file: h5py.File, path: str) -> dict[str, int]:
    """Sizes of the axes that the datasets of a layer share."""
    parts = path.split("/")
    layer = file.get(f"/layers/{parts[parts.index('layers') + 1]}") if "layers" in parts else None
    n_units: Any = None if layer is None else read_fact(layer, "n_units")
    return {"unit": int(n_units), "unit+1": int(n_units) + 1} if _is_of_kind(n_units, "integer") else {}


def _list_sizes(file: h5py.File, path: str, axes: Collection[str]) -> dict[str, int]:
    """Sizes of axes that are set by a dataset of the same group, or of the experiment's group."""
    groups = [path.rpartition("/")[0]]
    if path.startswith("/experiments/"):
        groups.append("/".join(path.split("/")[:3]))
    found: dict[str, int] = {}
    for axis in (*schema.AXES, *registry.axes()):
        for group in groups if axis.sized_by and axis.name in axes else ():
            dataset = file.get(f"{group}/{axis.sized_by}")
            if isinstance(dataset, h5py.Dataset) and dataset.ndim > axis.dimension:
                found.setdefault(axis.name, dataset.shape[axis.dimension])
    return found


def _has_type(dataset: h5py.Dataset, dtype: str) -> bool:
    if dtype == schema.ANY:
        return True
    if dtype == schema.STRING:
        return h5py.check_string_dtype(dataset.dtype) is not None
    return bool(dataset.dtype == np.dtype(dtype))
