"""The store's only reader: typed, lazy, read-only.

Small things that every page needs (classes, labels, baseline, layer facts) are read once; what belongs to one unit is
read when asked for, as one chunk. Everything comes back as numpy arrays and frozen dataclasses, never as h5py objects.
Opening a store runs no code from it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from precompute.errors import StoreDamaged, StoreError, StoreIncomplete, StoreMissing, StoreVersion
from precompute.store import schema

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class ModelFacts:
    """Which network the store is about: how to load it again, its weights, its outputs, its input size."""

    spec: str
    weights: str
    n_outputs: int
    input_size: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Classes:
    """The classes (C): folder names, titles for readers, and the network output that each of them is."""

    name: tuple[str, ...]
    title: tuple[str, ...]
    output_index: Ints

    def __len__(self) -> int:
        return len(self.name)

    @cached_property
    def of_output(self) -> dict[int, int]:
        """Class of every network output that is one."""
        return {int(output): index for index, output in enumerate(self.output_index)}


@dataclass(frozen=True, eq=False)
class Images:
    """The images (N) in order, with their classes; the root of their folder; the files that were skipped."""

    root: str
    list_hash: str
    path: tuple[str, ...]
    label: Ints
    skipped: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.path)

    def per_class(self, n_classes: int) -> Ints:
        """Return the number of images of every class, (C,)."""
        return np.bincount(self.label, minlength=n_classes)


@dataclass(frozen=True, eq=False)
class Baseline:
    """What the network says with nothing ablated: top-1 output (N,) and log-probability of the true class (N,)."""

    prediction: Ints
    log_prob: Floats


@dataclass(frozen=True, eq=False)
class Measure:
    """One number per unit (U,), NaN where undefined, with what a reader needs to understand it."""

    name: str
    label: str
    formula: str
    source: str
    range: str
    better: str
    values: Floats


@dataclass(frozen=True, eq=False)
class Activation:
    """One unit's response to every image (N,): maximum and mean over space.

    ``positive_mean`` is None in layers that never go below zero, where it would equal ``mean``.
    """

    max: Floats
    mean: Floats
    positive_mean: Floats | None


@dataclass(frozen=True, eq=False)
class AblationEffect:
    """Effect of silencing each unit in turn: images still right (U, C) and accuracy lost (U, C), a fraction."""

    correct: Ints
    drop: Floats


@dataclass(frozen=True, eq=False)
class Flips:
    """The images whose top-1 output changes without one unit (M,), and what it changes to (M,)."""

    image: Ints
    prediction: Ints


@dataclass(frozen=True, eq=False)
class Exemplars:
    """One unit's exemplars in rank order: images (k,), values (k,), maps (k, h, w), and how many images tied."""

    image: Ints
    value: Floats
    map: Floats
    tied: int


@dataclass(frozen=True)
class AttributionFacts:
    """One attribution method: why it was left out, or None and for how many of the top exemplars it is there."""

    method: str
    left_out: str | None
    n_exemplars: int


class Store:
    """A complete store, opened for reading; a context manager.

    Made by :func:`open_store`. Safe to share between threads (h5py serialises its calls). An open store goes on reading
    the file it opened even when that file is replaced.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Never while another thread may be reading."""
        self._file.close()

    @cached_property
    def created(self) -> str:
        """When the store was written, ISO 8601."""
        return str(self._fact("/", "created"))

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """How the store came to be: command, versions, device, seeds, weights, transform and so on."""
        try:
            found = json.loads(str(self._fact("/", "provenance")))
        except json.JSONDecodeError as error:
            raise StoreDamaged(
                f"{self.path}: the provenance is not valid JSON ({error}). Build the store again."
            ) from error
        return dict(found)

    @cached_property
    def model(self) -> ModelFacts:
        """The network."""
        return ModelFacts(
            spec=str(self._fact("/model", "spec")),
            weights=str(self._fact("/model", "weights")),
            n_outputs=int(self._fact("/model", "n_outputs")),
            input_size=tuple(int(size) for size in self._fact("/model", "input_size")),
        )

    @cached_property
    def classes(self) -> Classes:
        """The classes."""
        return Classes(
            name=self._strings("/classes/name"),
            title=self._strings("/classes/title"),
            output_index=self._read("/classes/output_index"),
        )

    @cached_property
    def images(self) -> Images:
        """The images."""
        skipped = zip(self._strings("/images/skipped/path"), self._strings("/images/skipped/reason"), strict=True)
        return Images(
            root=str(self._fact("/images", "root")),
            list_hash=str(self._fact("/images", "list_hash")),
            path=self._strings("/images/path"),
            label=self._read("/images/label"),
            skipped=tuple(skipped),
        )

    @cached_property
    def baseline(self) -> Baseline:
        """The network's answers with nothing ablated."""
        return Baseline(self._read("/baseline/prediction"), self._read("/baseline/log_prob"))

    @cached_property
    def baseline_correct(self) -> NDArray[np.bool_]:
        """Which images (N,) the network gets right: the arg-max over all outputs is the class's output."""
        target = self.classes.output_index[self.images.label]
        return np.asarray(self.baseline.prediction == target)

    def thumbnail(self, image: int) -> bytes:
        """Return the JPEG of what the network saw of an image, or no bytes for images that no exemplar list names."""
        return bytes(np.asarray(self._read("/images/thumbnail", int(image)), dtype=np.uint8))

    @cached_property
    def layers(self) -> tuple["Layer", ...]:
        """The layers, in the order of the network."""
        if "/layers" not in self._file:
            return ()
        layers = [Layer(self, name) for name in self._file["/layers"]]
        return tuple(sorted(layers, key=lambda layer: (layer.order, layer.name)))

    def layer(self, name: str) -> "Layer":
        """Return one layer by its name.

        Raises
        ------
        StoreError
            When the store holds no such layer; the message names those it holds.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        held = ", ".join(layer.name for layer in self.layers)
        raise StoreError(f"{self.path}: there is no layer {name!r} in this store; it holds {held}.")

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return the network's parameters and buffers as plain arrays; empty where the store does not carry them."""
        group = "/model/state_dict"
        return {name: self._read(f"{group}/{name}") for name in self._names(group)}

    # What follows is for Layer, which lives in this module.

    def _fact(self, path: str, name: str) -> Any:
        def read() -> Any:
            value = self._file[path].attrs[name]
            return value.decode() if isinstance(value, bytes) else value

        return self._guard(f"{path} ({name})", read)

    def _read(self, path: str, selection: Any = ...) -> NDArray[Any]:
        return self._guard(path, lambda: self._file[path][selection])

    def _strings(self, path: str) -> tuple[str, ...]:
        return tuple(self._guard(path, lambda: self._file[path].asstr()[...].tolist()))

    def _has(self, path: str) -> bool:
        return path in self._file

    def _names(self, path: str) -> tuple[str, ...]:
        return tuple(self._file[path]) if path in self._file else ()

    def _shape(self, path: str) -> tuple[int, ...]:
        return tuple(self._guard(path, lambda: self._file[path].shape))

    def _facts(self, path: str) -> Mapping[str, Any]:
        return dict(self._guard(path, lambda: self._file[path].attrs.items()))

    def _guard(self, path: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except KeyError as error:
            raise StoreDamaged(
                f"{self.path}: {path} is missing. `python -m precompute check {self.path}` lists all that is wrong."
            ) from error
        except OSError as error:
            raise StoreDamaged(
                f"{self.path}: {path} cannot be read, a block of the file is damaged ({error}). Build the store again."
            ) from error


class Layer:
    """One layer of a store. Made by :attr:`Store.layers`; reads lazily."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self.name = name

    def __repr__(self) -> str:
        return f"Layer({self.name!r}, {self.n_units} units)"

    @cached_property
    def order(self) -> int:
        """Position in the network, by call order."""
        return int(self._fact("order"))

    @cached_property
    def kind(self) -> str:
        """Class name of the module, such as ``ReLU``."""
        return str(self._fact("kind"))

    @cached_property
    def n_units(self) -> int:
        """Number of units (U)."""
        return int(self._fact("n_units"))

    @cached_property
    def spatial_shape(self) -> tuple[int, ...]:
        """Height and width of a unit's map; empty in layers without space."""
        return tuple(int(size) for size in self._fact("spatial_shape"))

    @cached_property
    def class_mean(self) -> Floats:
        """Mean of activation/mean over each class, (U, C); NaN for a class without images."""
        return self._read("class_mean")

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """All measures of the layer, by name."""
        return {name: self._measure(name) for name in self._store._names(self._path("measure"))}

    def activation(self, unit: int) -> Activation:
        """Return one unit's response to every image."""
        positive = "activation/positive_mean"
        return Activation(
            max=self._read("activation/max", unit),
            mean=self._read("activation/mean", unit),
            positive_mean=self._read(positive, unit) if self._store._has(self._path(positive)) else None,
        )

    @cached_property
    def ablations(self) -> tuple[str, ...]:
        """The kinds of ablation there are, ``zero`` first."""
        return tuple(sorted(self._store._names(self._path("ablation")), reverse=True))

    def ablation(self, kind: str) -> AblationEffect:
        """Return the effect of one kind of ablation on every unit and class."""
        return AblationEffect(self._read(f"ablation/{kind}/correct"), self._read(f"ablation/{kind}/drop"))

    def flips(self, kind: str, unit: int) -> Flips:
        """Return the images whose top-1 output changes without the unit."""
        start, stop = (int(edge) for edge in self._read(f"ablation/{kind}/flip/indptr", slice(unit, unit + 2)))
        chosen = slice(start, stop)
        return Flips(
            self._read(f"ablation/{kind}/flip/image", chosen), self._read(f"ablation/{kind}/flip/prediction", chosen)
        )

    def log_prob_change(self, kind: str, unit: int) -> Floats | None:
        """Return the change of the true class's log-probability (N,) without the unit, or None if not stored."""
        path = f"ablation/{kind}/log_prob_change"
        return self._read(path, unit).astype(np.float32) if self._store._has(self._path(path)) else None

    @cached_property
    def exemplar_kinds(self) -> tuple[str, ...]:
        """The exemplar lists there are: of ``top``, ``bottom``, ``quantile``, in this order."""
        held = self._store._names(self._path("exemplar"))
        return tuple(kind for kind in schema.EXEMPLAR_KINDS if kind in held)

    def exemplars(self, kind: str, unit: int) -> Exemplars:
        """Return one unit's exemplars."""
        path = f"exemplar/{kind}"
        return Exemplars(
            image=self._read(f"{path}/image", unit),
            value=self._read(f"{path}/value", unit),
            map=self._read(f"{path}/map", unit).astype(np.float32),
            tied=int(self._read(f"{path}/tied", unit)),
        )

    @cached_property
    def attributions(self) -> tuple[AttributionFacts, ...]:
        """The attribution methods of the layer, with those that were left out and why."""
        return tuple(self._attribution_facts(method) for method in self._store._names(self._path("attribution")))

    def attribution(self, method: str, unit: int) -> Floats:
        """Return the maps (k', h, w) of one method for the first k' top exemplars of a unit."""
        return self._read(f"attribution/{method}/map", unit).astype(np.float32)

    def _attribution_facts(self, method: str) -> AttributionFacts:
        path = self._path("attribution", method)
        left_out = self._store._facts(path).get("left_out")
        n_exemplars = self._store._shape(f"{path}/map")[1] if self._store._has(f"{path}/map") else 0
        return AttributionFacts(method, None if left_out is None else str(left_out), n_exemplars)

    def _measure(self, name: str) -> Measure:
        facts = self._store._facts(self._path("measure", name))
        label, formula, source, span, better = (
            str(facts.get(fact, "")) for fact in schema.GROUP_FACTS["/layers/<layer>/measure/<name>"]
        )
        return Measure(name, label or name, formula, source, span, better, self._read(f"measure/{name}"))

    def _path(self, *parts: str) -> str:
        return schema.layer_path(self.name, *parts)

    def _fact(self, name: str) -> Any:
        return self._store._fact(self._path(), name)

    def _read(self, part: str, selection: Any = ...) -> NDArray[Any]:
        return self._store._read(self._path(part), selection)


def open_store(path: Path | str) -> Store:
    """Open a complete store of this version for reading.

    Parameters
    ----------
    path : Path or str
        The file.

    Returns
    -------
    Store
        A context manager.

    Raises
    ------
    StoreMissing
        There is no such file.
    StoreDamaged
        It is truncated or not HDF5, or not a store.
    StoreIncomplete
        It is still being written, or its writer died.
    StoreVersion
        Its format has another major version.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreMissing(f"{path}: there is no such file. `python -m precompute run` writes stores.")
    try:
        # A complete store is only ever replaced, never written in place, so it needs no lock; network disks have none.
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise StoreDamaged(_why_not_opened(path, error)) from error
    try:
        _refuse_unusable(path, file)
    except StoreError:
        file.close()
        raise
    return Store(path, file)


def _why_not_opened(path: Path, error: OSError) -> str:
    if "truncated" in str(error):
        return f"{path}: the file is truncated, part of it is missing. Copy it again, or build the store again."
    if "signature" in str(error):
        return f"{path}: this is not an HDF5 file, so not a store. Choose a file that `python -m precompute run` wrote."
    return f"{path}: the file cannot be opened ({error})."


def _refuse_unusable(path: Path, file: h5py.File) -> None:
    facts = file.attrs
    if facts.get("format") != schema.FORMAT:
        raise StoreDamaged(f"{path}: this HDF5 file is not a store (expected the format {schema.FORMAT!r}).")
    if (found := major(facts.get("version"))) != schema.VERSION:
        raise StoreVersion(
            f"{path}: this store has version {facts.get('version')}, this program reads version {schema.VERSION}. "
            + ("Update Unitscope." if found > schema.VERSION else "Build the store again.")
        )
    if not facts.get("complete", False):
        raise StoreIncomplete(
            f"{path}: this store is not complete; it is still being written, or its run was stopped. "
            "Wait for the run, or go on with it by `--resume`."
        )


def major(version: Any) -> int:
    """Return the major part of a stored version; 0 when it cannot be read as one."""
    text = str(version).split(".")[0]
    return int(text) if text.isdigit() else 0
