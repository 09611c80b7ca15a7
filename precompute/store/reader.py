"""The store's only reader: typed, lazy, read-only.

Small data that every page needs (classes, labels, baseline, layer facts) are read once; the data of one unit are read
when they are asked for, as one chunk. Everything is returned as numpy arrays and frozen dataclasses, never as h5py
objects. Opening a store runs no code from it.
"""

import json
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from precompute.errors import StoreDamaged, StoreError, StoreIncomplete, StoreVersion
from precompute.store import schema
from precompute.store.experiment import Experiment
from precompute.store.fingerprint import fingerprint_of
from precompute.store.keep import ACTIVATIONS, ALL, CHANGES, SUMS, lacks
from precompute.store.layer import Layer
from precompute.store.place import Identity
from precompute.store.records import (
    AblationEffect,
    Activation,
    AttributionFacts,
    Baseline,
    Classes,
    Exemplars,
    Flips,
    HighestOutputs,
    Images,
    Measure,
    ModelFacts,
)
from precompute.store.storefile import StoreFile, open_file
from precompute.store.train import TrainView

__all__ = [
    "AblationEffect",
    "Activation",
    "AttributionFacts",
    "Baseline",
    "Classes",
    "Exemplars",
    "Experiment",
    "Flips",
    "Images",
    "Layer",
    "Measure",
    "ModelFacts",
    "Store",
    "open_store",
]


class Store:
    """A complete store, opened for reading; a context manager.

    Made by :func:`open_store`. Safe to share between threads (h5py serialises its calls). An open store goes on reading
    the file it opened even when that file is replaced.
    """

    def __init__(self, file: StoreFile) -> None:
        self.path = file.path
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file. Do not call this while another thread may be reading."""
        self._file.close()

    @property
    def identity(self) -> Identity:
        """The identity of its file, by which a file that replaces it is noticed."""
        return self._file.identity

    @cached_property
    def created(self) -> str:
        """When the store was written, ISO 8601."""
        return self._file.text("/", "created")

    @cached_property
    def fingerprint(self) -> str:
        """Twelve digits by which figures and links name the run that wrote the store."""
        return fingerprint_of(self._file)

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """How the store came to be: command, versions, device, seeds, weights, transform and so on."""
        found = _json_object(self._file.text("/", "provenance"))
        if found is not None and "whole" in found:
            found = _json_object(self._file.read("/provenance").tobytes())
        if found is None:
            raise StoreDamaged(f"{self.path}: the provenance is not a JSON object. Build the store again.")
        return found

    @cached_property
    def keep(self) -> str:
        """What it keeps for every unit on every image: ``all``, or ``sums`` only; see `precompute.store.keep`."""
        return str(self._file.facts("/").get("keep", ALL))

    @cached_property
    def lacking(self) -> tuple[str, ...]:
        """What a store of sums lacks, in the words of `precompute.store.keep`; nothing where it keeps all."""
        if self.keep != SUMS:
            return ()
        return (ACTIVATIONS,) if self.baseline.log_prob is None else (ACTIVATIONS, CHANGES)

    def lacks(self, what: str) -> str:
        """Say that the store keeps sums only and lacks something, and how to get it; empty where it has it."""
        return lacks(what) if what in self.lacking else ""

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """Sentences on the conditions under which the numbers are right; older stores call them notes."""
        found = self.provenance.get("conditions", self.provenance.get("notes", []))
        return tuple(map(str, found)) if isinstance(found, list) else ()

    @cached_property
    def model(self) -> ModelFacts:
        """The network."""
        return ModelFacts(
            spec=self._file.text("/model", "spec"),
            weights=self._file.text("/model", "weights"),
            n_outputs=self._file.integer("/model", "n_outputs"),
            input_size=self._file.integers("/model", "input_size"),
        )

    @cached_property
    def classes(self) -> Classes:
        """The classes."""
        return Classes(
            name=self._file.strings("/classes/name"),
            title=self._file.strings("/classes/title"),
            output_index=self._file.indices("/classes/output_index", self.model.n_outputs),
            mapping=str(self._file.facts("/classes").get("mapping", "")),
        )

    @cached_property
    def images(self) -> Images:
        """The images."""
        skipped = self._file.strings("/images/skipped/path"), self._file.strings("/images/skipped/reason")
        digest = "/images/digest"
        return Images(
            root=self._file.text("/images", "root"),
            list_hash=self._file.text("/images", "list_hash"),
            path=self._file.strings("/images/path"),
            label=self._file.indices("/images/label", self._file.length("/classes/name")),
            digest=self._file.read(digest) if self._file.has(digest) else None,
            skipped=tuple(zip(*skipped, strict=True)),
        )

    @cached_property
    def baseline(self) -> Baseline:
        """The network's answers with nothing ablated."""
        path = "/baseline/log_prob"
        log_prob = self._file.read(path) if self._file.has(path) else None
        of = str(self._file.facts("/baseline").get("log_prob", schema.LOGITS))
        prediction = self._file.indices("/baseline/prediction", self.model.n_outputs)
        return Baseline(prediction, log_prob, of)

    def highest_outputs(self, image: int) -> HighestOutputs | None:
        """Return the network's highest outputs for an image, nothing ablated; None in stores that do not hold them."""
        if not self._file.has("/baseline/top_output"):
            return None
        log_prob, at = "/baseline/top_log_prob", int(image)
        output = self._file.indices("/baseline/top_output", self.model.n_outputs, at)
        return HighestOutputs(output, self._file.read(log_prob, at) if self._file.has(log_prob) else None)

    @cached_property
    def baseline_correct(self) -> NDArray[np.bool_]:
        """Which images (N,) the network gets right: the arg-max over all outputs is the class's output."""
        target = self.classes.output_index[self.images.label]
        return np.asarray(self.baseline.prediction == target)

    def thumbnail(self, image: int) -> bytes:
        """Return the network's view of an image as JPEG; no bytes for images that no exemplar list names."""
        if self._thumbnail_end is None:
            return self._file.read("/images/thumbnail", int(image)).tobytes()
        start, stop = (int(self._thumbnail_end[at]) if at >= 0 else 0 for at in (int(image) - 1, int(image)))
        if stop - start > schema.MAX_THUMBNAIL_BYTES:
            raise StoreDamaged(
                f"{self.path}: the picture of image {image} has {stop - start} bytes, expected at most "
                f"{schema.MAX_THUMBNAIL_BYTES}. `python -m precompute check {self.path}` lists all that is wrong."
            )
        return self._file.read("/images/thumbnail", slice(start, stop)).tobytes()

    @cached_property
    def _thumbnail_end(self) -> NDArray[Any] | None:
        """Where every image's picture ends; None in stores made before pictures were one run of bytes."""
        path = "/images/thumbnail_end"
        if not self._file.has(path):
            return None
        ends = self._file.indices(path, self._file.length("/images/thumbnail") + 1)
        if (np.diff(ends) < 0).any():
            raise StoreDamaged(
                f"{self.path}: {path} falls; pictures cannot end before they begin. Copy the file again."
            )
        return ends

    @cached_property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, in the order of the network."""
        layers = [Layer(self._file, name) for name in self._file.names("/layers")]
        return tuple(sorted(layers, key=lambda layer: (layer.order, layer.name)))

    def layer(self, name: str) -> Layer:
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

    @cached_property
    def train(self) -> "Store | None":
        """The training images as a store of their own; None where the store holds none.

        It shares the network and the classes of the store, and has no experiments. Do not use it after the store is
        closed.
        """
        if not self._file.has(schema.TRAIN):
            return None
        return Store(StoreFile(self.path, TrainView(self._file.file), named=schema.train_path))

    @cached_property
    def experiments(self) -> tuple[str, ...]:
        """Names of the experiments that the store holds."""
        return self._file.names("/experiments")

    def experiment(self, name: str) -> Experiment:
        """Return one experiment by its name.

        Raises
        ------
        StoreError
            When the store does not hold it; the message says how to add it.
        """
        if name not in self.experiments:
            raise StoreError(
                f"{self.path}: this store does not hold the experiment {name!r}. "
                f"Add it by `python -m precompute experiment {name} {self.path}`."
            )
        return self._experiments[name]

    @cached_property
    def _experiments(self) -> dict[str, Experiment]:
        return {name: Experiment(self._file, name) for name in self.experiments}

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return the network's parameters and buffers as plain arrays; empty where the store does not carry them."""
        group = "/model/state_dict"
        return {name: self._file.read(f"{group}/{name}") for name in self._file.names(group)}


def _json_object(text: str | bytes) -> dict[str, Any] | None:
    """Return the object that a JSON text holds; None where the text is not JSON, or holds something else."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


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
    file = open_file(path)
    try:
        _refuse_unusable(StoreFile(path, file))
    except StoreError:
        file.close()
        raise
    return Store(StoreFile(path, file))


def _refuse_unusable(file: StoreFile) -> None:
    if str(file.fact("/", "format")) != schema.FORMAT:
        raise StoreDamaged(
            f"{file.path}: this HDF5 file is not a store (expected the format {schema.FORMAT!r}). "
            "Choose a file that `python -m precompute run` wrote."
        )
    version = file.fact("/", "version")
    found = schema.major(version)
    if found != schema.VERSION:
        raise StoreVersion(
            f"{file.path}: this store has version {version}, this program reads version {schema.VERSION}. "
            + ("Update Unitscope." if found > schema.VERSION else "Build the store again.")
        )
    if not file.yes("/", "complete"):
        raise StoreIncomplete(
            f"{file.path}: this store is not complete; it is still being written, or its run was stopped. "
            "Wait for the run, or go on with it by `--resume`."
        )
