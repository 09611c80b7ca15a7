"""One layer of a store. The data of one unit are read when they are asked for, as one chunk."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute import ablation_kinds
from precompute.errors import StoreDamaged, StoreOfSums
from precompute.measures.paired import FlipTable
from precompute.measures.table import find
from precompute.store import schema
from precompute.store.blocks import row_blocks
from precompute.store.keep import ACTIVATIONS, ALL, CHANGES, ON_TOKENS, SUMS, lacks
from precompute.store.records import (
    AblationEffect,
    Activation,
    AttributionFacts,
    AttributionMaps,
    Exemplars,
    Flips,
    Floats,
    Measure,
    StrongestUnits,
)
from precompute.store.renamed import current
from precompute.store.storefile import StoreFile


class Layer:
    """One layer of a store. Made by :attr:`precompute.store.reader.Store.layers`; reads lazily.

    Units, images and classes are given by index. An index past the end raises :class:`IndexError`; anything missing or
    damaged raises :class:`precompute.errors.StoreDamaged`. In a store that keeps sums only, datasets over unit and
    image raise :class:`precompute.errors.StoreOfSums`.
    """

    def __init__(self, file: StoreFile, name: str) -> None:
        self._file = file
        self.name = name
        self._last: tuple[int, Activation] | None = None

    def __repr__(self) -> str:
        return f"Layer({self.name!r}, {self.n_units} units)"

    @cached_property
    def order(self) -> int:
        """Position in the network, by call order."""
        return self._file.integer(self._path(), "order")

    @cached_property
    def kind(self) -> str:
        """Class name of the module, such as ``ReLU``."""
        return self._file.text(self._path(), "kind")

    @cached_property
    def n_units(self) -> int:
        """Number of units (U)."""
        return self._file.integer(self._path(), "n_units")

    @cached_property
    def spatial_shape(self) -> tuple[int, ...]:
        """Height and width of a unit's map; empty in layers without space."""
        return self._file.integers(self._path(), "spatial_shape")

    @cached_property
    def unit_dimension(self) -> int:
        """The dimension of the layer's output that its units lie on: 1, or -1 for the last."""
        return int(self._file.facts(self._path()).get("unit_dimension", 1))

    @cached_property
    def positions(self) -> str:
        """How a unit's positions are arranged: ``grid``, ``tokens`` or ``none``."""
        return str(self._file.facts(self._path()).get("positions", "grid" if self.spatial_shape else "none"))

    @cached_property
    def part(self) -> tuple[float, float, float, float]:
        """Where a unit's map begins and ends in the network's input: top, left, bottom, right, as fractions of it."""
        if "part" not in self._file.facts(self._path()):
            return schema.WHOLE
        top, left, bottom, right = (
            value / schema.MILLION for value in (*self._file.integers(self._path(), "part"), *[0] * 4)[:4]
        )
        return (top, left, bottom, right) if bottom > top and right > left else schema.WHOLE

    @cached_property
    def class_mean(self) -> Floats:
        """Mean of activation/mean over each class, (U, C); NaN for a class without images."""
        return self._read("class_mean")

    @cached_property
    def class_positive_mean(self) -> Floats | None:
        """Mean of the positive part over each class, (U, C), from which class selectivity is computed.

        It is :attr:`class_mean` in layers that never go below zero, and None where it is not stored.
        """
        if not self.goes_below_zero:
            return self.class_mean
        return self._read("class_positive_mean") if self._has("class_positive_mean") else None

    @cached_property
    def goes_below_zero(self) -> bool:
        """Whether any unit goes below zero on any image."""
        return self._has("activation/positive_mean") or self._has("class_positive_mean")

    @cached_property
    def keeps_all(self) -> bool:
        """Whether it holds numbers of every unit on every image: :meth:`activation` and :meth:`log_prob_change`."""
        return str(self._file.facts("/").get("keep", ALL)) != SUMS

    def n_active(self, unit: int) -> int:
        """Return the number of images on which a unit is above zero anywhere."""
        if self._has("n_active"):
            return int(self._read("n_active", unit))
        return int((self.activation(unit).max > 0).sum())

    @cached_property
    def measures(self) -> dict[str, Measure]:
        """All measures of the layer, by name."""
        return {current(held): self._measure(held) for held in self._names("measure")}

    def activation(self, unit: int | slice) -> Activation:
        """Return one unit's response to every image (N,), or those of consecutive units (units, N) in one read."""
        self._refuse_without("activation/max", ACTIVATIONS)
        if isinstance(unit, slice):
            return self._activation(unit)
        last = self._last
        if last is None or last[0] != unit:
            # Kept, for whoever shows a unit asks several times.
            last = self._last = (unit, self._activation(unit))
        return last[1].copy()

    def _activation(self, unit: int | slice) -> Activation:
        positive = "activation/positive_mean"
        return Activation(
            max=self._read("activation/max", unit),
            mean=self._read("activation/mean", unit),
            positive_mean=self._read(positive, unit) if self._has(positive) else None,
        )

    def blocks(self) -> Iterator[slice]:
        """Divide the units into runs to read at once, whose numbers for all images take about 64 MB as float64."""
        return row_blocks(self.n_units, 8 * self._n_images)

    def strongest_units(self, image: int) -> StrongestUnits | None:
        """Return the units that fire most on an image; None in stores that do not hold them."""
        if not self._has("image_top/unit"):
            return None
        unit = self._file.indices(self._path("image_top", "unit"), self.n_units, int(image))
        return StrongestUnits(unit, self._read("image_top/value", int(image)))

    @cached_property
    def n_other_tokens(self) -> int:
        """How many tokens there are apart from the picture."""
        path, held = "activation/other_tokens", self._file.facts(self._path()).get("other_tokens")
        if held is not None:
            return int(held)
        return self._file.shape(self._path(path))[2] if self._has(path) else 0

    def other_tokens(self, unit: int) -> Floats | None:
        """Return one unit's activation at the tokens apart from the picture, (N, t); None where there are none."""
        path = "activation/other_tokens"
        if self.n_other_tokens:
            self._refuse_without(path, ON_TOKENS)
        return self._read(path, unit) if self._has(path) else None

    @cached_property
    def ablations(self) -> tuple[str, ...]:
        """The kinds of ablation there are, ``zero`` first."""
        held = self._names("ablation")
        return tuple(kind for kind in ablation_kinds.names() if kind in held)

    def ablation(self, kind: str) -> AblationEffect:
        """Return the effect of one kind of ablation on every unit and class."""
        return AblationEffect(self._read(f"ablation/{kind}/correct"), self._read(f"ablation/{kind}/drop"))

    def flips(self, kind: str, unit: int) -> Flips:
        """Return the images whose top-1 output changes without the unit."""
        base = f"ablation/{kind}/flip"
        edges, n_flips = self._path(f"{base}/indptr"), self._file.length(self._path(f"{base}/image"))
        start, stop = (int(self._file.indices(edges, n_flips + 1, at)) for at in (unit, unit + 1))
        here = slice(start, max(start, stop))
        image = self._file.indices(self._path(f"{base}/image"), self._n_images, here)
        return Flips(image, self._read(f"{base}/prediction", here))

    def flip_table(self, kind: str) -> FlipTable:
        """Return the images whose top-1 output changes, for all units in one table, in three reads."""
        base = self._path(f"ablation/{kind}/flip")
        image = self._file.indices(f"{base}/image", self._n_images)
        edges = self._file.indices(f"{base}/indptr", len(image) + 1)
        n_flips = np.diff(edges)
        if len(n_flips) != self.n_units or edges[0] != 0 or edges[-1] != len(image) or (n_flips < 0).any():
            raise StoreDamaged(
                f"{self._file.path}: {base}/indptr does not rise from 0 to the number of flips, a step for each unit. "
                "Copy the file again."
            )
        unit = np.repeat(np.arange(self.n_units), n_flips)
        return FlipTable(unit, image, self._file.read(f"{base}/prediction"), self.n_units)

    def log_prob_change(self, kind: str, unit: int | slice) -> Floats | None:
        """Return the change of the true class's log-probability without a unit (N,), or without each unit of a run.

        In nats, float32. None where the network's outputs allow no log-probabilities, and where a store does not hold
        it.
        """
        path = f"ablation/{kind}/log_prob_change"
        if self._file.has("/baseline/log_prob"):
            self._refuse_without(path, CHANGES)
        return self._read(path, unit).astype(np.float32) if self._has(path) else None

    def log_prob_changes(self, kind: str) -> Iterator[Floats]:
        """Yield :meth:`log_prob_change` of all units, run by run of :meth:`blocks`; nothing where it is not stored."""
        for block in self.blocks():
            change = self.log_prob_change(kind, block)
            if change is None:
                return
            yield change

    @cached_property
    def exemplar_kinds(self) -> tuple[str, ...]:
        """The exemplar lists that the layer has, of ``top``, ``bottom`` and ``quantile``, in this order."""
        held = self._names("exemplar")
        return tuple(kind for kind in schema.EXEMPLAR_KINDS if kind in held)

    @cached_property
    def n_exemplars(self) -> int:
        """How many images each list names; 0 where there is none."""
        kinds = self.exemplar_kinds
        return self._file.shape(self._path("exemplar", kinds[0], "image"))[1] if kinds else 0

    def exemplars(self, kind: str, unit: int) -> Exemplars:
        """Return one unit's exemplars."""
        base = f"exemplar/{kind}"
        return Exemplars(
            image=self._file.indices(self._path(f"{base}/image"), self._n_images, unit),
            value=self._read(f"{base}/value", unit),
            map=self._read(f"{base}/map", unit).astype(np.float32),
            tied=int(self._read(f"{base}/tied", unit)),
        )

    def exemplar_values(self, kind: str) -> Floats:
        """Return the maximum of each unit's map on the images of its list, (unit, k)."""
        return self._read(f"exemplar/{kind}/value")

    def map_on(self, image: int, unit: int) -> Floats | None:
        """Return a unit's map on one image (h, w); None unless one of its lists names the image."""
        for kind in self.exemplar_kinds:
            here = np.flatnonzero(self._read(f"exemplar/{kind}/image", unit) == image)
            if len(here):
                return self._read(f"exemplar/{kind}/map", (unit, int(here[0]))).astype(np.float32)
        return None

    @cached_property
    def attributions(self) -> tuple[AttributionFacts, ...]:
        """The attribution methods of the layer, including those left out and why."""
        return tuple(self._attribution_facts(method) for method in self._names("attribution"))

    def attribution(self, method: str, unit: int) -> AttributionMaps:
        """Return the maps of one method for the first top exemplars of a unit."""
        base = f"attribution/{method}"
        maps = self._read(f"{base}/map", unit).astype(np.float32)
        # Older stores hold every map that they have a place for, and no error of any map.
        computed = self._read(f"{base}/computed", unit).astype(bool) if self._has(f"{base}/computed") else None
        error = self._read(f"{base}/error", unit) if self._has(f"{base}/error") else None
        return AttributionMaps(
            map=maps,
            computed=np.ones(len(maps), dtype=bool) if computed is None else computed,
            error=np.full(len(maps), np.nan, dtype=np.float32) if error is None else error,
        )

    def _attribution_facts(self, method: str) -> AttributionFacts:
        base = f"attribution/{method}"
        facts = self._file.facts(self._path(base))
        left_out = facts.get("left_out")
        n_exemplars = self._file.shape(self._path(base, "map"))[1] if self._has(f"{base}/map") else 0
        return AttributionFacts(
            method, None if left_out is None else str(left_out), n_exemplars, str(facts.get("of", ""))
        )

    def _measure(self, name: str) -> Measure:
        facts = self._file.facts(self._path("measure", name))
        label, formula, source, span, better, experiment = (
            str(facts.get(fact, "")) for fact in ("label", "formula", "source", "range", "better", "experiment")
        )
        values = self._read(f"measure/{name}")
        name = current(name)
        kind = str(facts.get("kind", "")) or _kind_of(name, span)
        return Measure(name, label or name, formula, source, span, better, values, experiment, kind)

    def _refuse_without(self, part: str, what: str) -> None:
        """Refuse to read a dataset that a store of sums leaves out."""
        if not self.keeps_all and not self._has(part):
            raise StoreOfSums(f"{self._file.path}: {lacks(what)}")

    @property
    def _n_images(self) -> int:
        return self._file.length("/images/path")

    def _path(self, *parts: str) -> str:
        return schema.layer_path(self.name, *parts)

    def _read(self, part: str, selection: Any = ...) -> NDArray[Any]:
        return self._file.read(self._path(part), selection)

    def _has(self, part: str) -> bool:
        return self._file.has(self._path(part))

    def _names(self, part: str) -> tuple[str, ...]:
        return self._file.names(self._path(part))


def _kind_of(name: str, values: str) -> str:
    """Return the kind of a measure in a store that does not say it; see `precompute.measures.measure_row.Kind`."""
    row = find(name)
    if row is not None:
        return row.kind
    return values.removesuffix(" index") if values.endswith(" index") else "flag" if values == "0 or 1" else "quantity"
