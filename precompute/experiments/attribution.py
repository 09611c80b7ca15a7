"""Compute attribution maps that a run left out, and put them where the run would have put them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from precompute.ablation.batch_sizes import memory_budget
from precompute.attribution_methods import METHODS
from precompute.errors import LayerError
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.restored_run import RestoredRun, restore_run
from precompute.experiments.runner import Change, SourceStore, rewrite
from precompute.images.loading import seen_size
from precompute.images.picture import black_input, small_shape
from precompute.models.device import exact_float32
from precompute.models.sites import Site
from precompute.progress import Progress
from precompute.stages.activation_at import activation_at, not_right, rows_within
from precompute.stages.exemplar_maps import Look, Maps, attribution_maps, exemplar_maps
from precompute.stages.exemplars import Wanted, wanted
from precompute.store.check import refuse_changed
from precompute.store.experiments import registry
from precompute.store.layer import Layer
from precompute.store.reader import Store, open_store
from precompute.store.schema import MAX_ATTRIBUTION_MAP_SIDE, MAX_EXEMPLAR_MAP_SIDE, layer_path
from precompute.store.writer import StoreWriter
from precompute.words import duration

_EXEMPLARS = 6


@dataclass(frozen=True, eq=False)
class _Work:
    """What is to be computed for one layer.

    Parameters
    ----------
    layer, site
        The layer in the store and in the network.
    look
        How to attribute.
    exemplars
        (unit, exemplar): the images that a map can be stored for.
    todo
        For each method (unit, exemplar), bool: which maps to compute.
    found
        For each method, the maps that have been computed so far.
    """

    layer: Layer
    site: Site
    look: Look
    exemplars: np.ndarray
    todo: dict[str, np.ndarray]
    found: dict[str, list[Maps]] = field(default_factory=dict)

    def images(self) -> np.ndarray:
        """Return the images that any of the maps needs, (image,), ascending."""
        return np.unique(np.concatenate([self.exemplars[todo] for todo in self.todo.values()] or [np.zeros(0, int)]))


def add_maps(path: Path, options: ExperimentOptions, *, say: Callable[[str], None]) -> None:
    """Compute the maps that a store lacks, of some layers, units and methods, and add them to it.

    Parameters
    ----------
    path
        A complete store. It is replaced in one step when everything is computed.
    options
        What was asked for.
    say
        Shows the user a sentence.

    Raises
    ------
    UnitscopeError
        For anything that cannot work.
    """
    options.refuse_unused(registry.spec_of(registry.ATTRIBUTION))
    path = path.absolute()  # the network's file may change the current folder
    methods = options.methods or tuple(METHODS)
    with open_store(path) as store, exact_float32():
        refuse_changed(path)  # before the work, not after it
        layers = [store.layer(name) for name in options.layers] if options.layers else list(store.layers)
        units = {layer.name: _units(layer, options.units) for layer in layers}
        restored = restore_run(store, options)
        found = [
            _work(store, restored, layer, site, (methods, units[layer.name]), say)
            for layer, site in zip(layers, restored.sites(layers), strict=True)
        ]
        works = [work for work in found if work is not None]
        n_maps = sum(int(todo.sum()) for work in works for todo in work.todo.values())
        if not n_maps:
            say("The store already holds every map that you asked for, so nothing was changed.")
            return
        progress = Progress({registry.ATTRIBUTION: 1.0})
        with progress.stage(registry.ATTRIBUTION, n_maps, unit="maps") as stage:
            _compute(restored, works, stage.advance)
        of = SourceStore.of(store)
    rewrite(of, lambda now: _ready(now, works, restored.probe), say)
    say(f"{n_maps:,} attribution maps added to {path} in {duration(progress.seconds[registry.ATTRIBUTION])}")


def _units(layer: Layer, asked: Sequence[int] | None) -> np.ndarray:
    chosen = np.zeros(layer.n_units, dtype=bool)
    for unit in range(layer.n_units) if asked is None else asked:
        if not 0 <= unit < layer.n_units:
            raise LayerError(f"{layer.name} has no unit {unit}; its units are 0 to {layer.n_units - 1}.")
        chosen[unit] = True
    return chosen


def _work(
    store: Store,
    restored: RestoredRun,
    layer: Layer,
    site: Site,
    asked: tuple[Sequence[str], np.ndarray],
    say: Callable[[str], None],
) -> _Work | None:
    """Return what is to be computed for a layer; None where nothing is. Then the network is not prepared either."""
    methods, units = asked
    left_out = not_right(restored.model.network, site, restored.probe[:2], methods)
    for reason in dict.fromkeys(left_out.values()):
        names = ", ".join(name for name in left_out if left_out[name] == reason)
        say(f"{layer.name}: {names} left out. {reason}")
    right = [name for name in methods if name not in left_out]
    exemplars = np.stack([layer.exemplars("top", unit).image[:_EXEMPLARS] for unit in range(layer.n_units)])
    missing = {name: ~_held(layer, name, exemplars.shape) & units[:, None] for name in right}
    todo = {name: places for name, places in missing.items() if places.any()}
    return _Work(layer, site, attribution_look(restored, site), exemplars, todo) if todo else None


def attribution_look(restored: RestoredRun, site: Site) -> Look:
    """Return how to attribute the units of a layer: with the part of the network up to it, in batches that fit."""
    part = activation_at(restored.model.network, site, restored.probe)
    rows = rows_within(memory_budget(restored.device), part, restored.probe[:1])
    return Look(part, _baseline(restored), min(rows, restored.batch_size), MAX_ATTRIBUTION_MAP_SIDE)


def _held(layer: Layer, method: str, shape: tuple[int, ...]) -> np.ndarray:
    """Say which maps the store holds, (unit, exemplar) bool."""
    held = np.zeros(shape, dtype=bool)
    if any(facts.method == method and facts.n_exemplars for facts in layer.attributions):
        for unit in range(len(held)):
            computed = layer.attribution(method, unit).computed
            held[unit, : len(computed)] = computed[: shape[1]]
    return held


def _baseline(restored: RestoredRun) -> Tensor:
    """Return where integrated gradients start: a black image as the network sees it, or zeros where there is none."""
    shape = tuple(restored.probe.shape[1:])
    size = seen_size(restored.images, 0)
    black = None if size is None else black_input(restored.model.transform, size, shape)
    return torch.zeros(shape) if black is None else black


def _compute(restored: RestoredRun, works: Sequence[_Work], advance: Callable[[int], None]) -> None:
    images = np.unique(np.concatenate([work.images() for work in works]))
    for where, inputs, _ in restored.read(images):
        for work in works:
            pairs = wanted(work.exemplars, where.tolist())
            _, peak = exemplar_maps(
                restored.model.network,
                {work.site: pairs},
                inputs,
                batch_size=restored.batch_size,
                side=MAX_EXEMPLAR_MAP_SIDE,
            )
            for name, todo in work.todo.items():
                chosen = todo[pairs.unit, pairs.slot]
                at = (peak[work.site][0][chosen], peak[work.site][1][chosen])
                found = _attributed(work, name, inputs, pairs.take(chosen), at, advance)
                work.found.setdefault(name, []).extend(found)


def _attributed(
    work: _Work,
    name: str,
    inputs: Tensor,
    pairs: Wanted,
    peak: tuple[np.ndarray, np.ndarray],
    advance: Callable[[int], None],
) -> Iterator[Maps]:
    if len(pairs):
        yield attribution_maps(work.look, METHODS[name], inputs, pairs, peak, advance)


def _ready(store: Store, works: Sequence[_Work], probe: Tensor) -> Change:
    """Join the computed maps with those that the store holds now; return the change that writes them."""
    arrays: dict[str, np.ndarray] = {}
    for work in works:
        for name, found in work.found.items():
            group = layer_path(work.layer.name, "attribution", name)
            joined = _joined(store.layer(work.layer.name), name, found, work.exemplars.shape, probe)
            arrays |= {f"{group}/{part}": values for part, values in joined.items()}
    return Change(arrays.keys(), lambda writer: _write(writer, arrays))


def _write(writer: StoreWriter, arrays: Mapping[str, np.ndarray]) -> None:
    for path, values in arrays.items():
        writer.write(path, values)


def _joined(
    layer: Layer, name: str, found: Sequence[Maps], shape: tuple[int, ...], probe: Tensor
) -> Mapping[str, np.ndarray]:
    """Return the datasets of a method with the computed maps beside those that the store holds."""
    side = small_shape(probe.shape[2:], MAX_ATTRIBUTION_MAP_SIDE)
    maps: np.ndarray = np.full((*shape, *side), np.nan, dtype=np.float16)
    computed, error = np.zeros(shape, dtype=np.uint8), np.full(shape, np.nan, dtype=np.float32)
    if any(facts.method == name and facts.n_exemplars for facts in layer.attributions):
        for unit in range(shape[0]):
            held = layer.attribution(name, unit)
            there = slice(len(held.map))
            maps[unit, there], computed[unit, there], error[unit, there] = held.map, held.computed, held.error
    for part in found:
        maps[part.unit, part.slot], computed[part.unit, part.slot] = part.map, 1
        error[part.unit, part.slot] = np.nan if part.error is None else part.error
    arrays = {"map": maps, "computed": computed}
    return arrays | {"error": error} if METHODS[name].sums_up else arrays
