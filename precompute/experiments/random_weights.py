"""Attribution maps beside those of the same network with its weights in random order."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from precompute.attribution_methods import METHODS
from precompute.errors import StoreError
from precompute.experiments.attribution import attribution_look
from precompute.experiments.protocol import Advance, Arrays, Findings, Job, Prepared
from precompute.experiments.restored_run import RestoredRun, restore_run
from precompute.measures.evenly_spread import evenly_spread
from precompute.measures.likeness import map_likeness
from precompute.models.device import exact_float32
from precompute.models.hooks import outputs_at
from precompute.models.shuffled_weights import with_shuffled_weights
from precompute.models.sites import Site
from precompute.stages.activation_at import not_right
from precompute.stages.exemplar_maps import attribution_maps, exemplar_maps
from precompute.stages.exemplars import Wanted
from precompute.store.layer import Layer
from precompute.store.schema import MAX_ATTRIBUTION_MAP_SIDE, MAX_EXEMPLAR_MAP_SIDE

_MOST_UNITS = 16
_SECONDS_A_MAP = 0.1  # on one thread, of a network of ordinary size


@dataclass(frozen=True, eq=False)
class _Held:
    """Attribution maps of a layer that the store holds: the methods, and units whose first exemplar has all of them."""

    layer: Layer
    methods: tuple[str, ...]
    units: np.ndarray

    @property
    def images(self) -> np.ndarray:
        """The image of each unit's first top exemplar, (unit,)."""
        return np.array([self.layer.exemplars("top", unit).image[0] for unit in self.units], dtype=np.int64)

    def maps(self, method: str) -> np.ndarray:
        """Read the method's map of each unit on its first top exemplar, (unit, row, column)."""
        return np.stack([self.layer.attribution(method, int(unit)).map[0] for unit in self.units])


def prepare(job: Job) -> Prepared:
    """Prepare the comparison for every layer that has attribution maps."""
    held = [found for layer in job.layers if (found := _held(layer)) is not None]
    if not held:
        raise StoreError(
            f"{job.store.path}: there is no attribution map to compare. "
            f"`python -m precompute experiment attribution {job.store.path}` adds maps."
        )
    with exact_float32():
        restored = restore_run(job.store, job.options)
    n_maps = sum(len(found.units) * len(found.methods) for found in held)
    return Prepared(
        seconds=n_maps * _SECONDS_A_MAP,
        bytes=n_maps * MAX_ATTRIBUTION_MAP_SIDE**2 * 2,
        steps=n_maps,
        unit="maps",
        run=partial(_run, job, restored, held),
    )


def _held(layer: Layer) -> _Held | None:
    """Choose units spread evenly over those whose first exemplar has a map by every method; None without such units."""
    methods = [facts.method for facts in layer.attributions if facts.n_exemplars and facts.method in METHODS]
    shown = [
        unit
        for unit in range(layer.n_units)
        if methods and all(layer.attribution(name, unit).computed[:1].any() for name in methods)
    ]
    if not shown:
        return None
    chosen = evenly_spread(len(shown), _MOST_UNITS)
    return _Held(layer, tuple(methods), np.array(shown)[chosen])


def _run(job: Job, restored: RestoredRun, held: list[_Held], advance: Advance) -> Findings:
    other = replace(
        restored,
        model=replace(
            restored.model, network=with_shuffled_weights(restored.model.network, restored.probe[:2], seed=job.seed)
        ),
    )
    arrays: Arrays = {}
    with exact_float32():
        for found in held:
            parts = _compared(restored, other, found, advance)
            arrays |= {f"layers/{found.layer.name}/{name}": values for name, values in parts.items()}
    return Findings(arrays, {})


def _compared(restored: RestoredRun, other: RestoredRun, held: _Held, advance: Advance) -> Arrays:
    site = other.site(held.layer)
    left_out = not_right(other.model.network, site, other.probe[:2], held.methods)
    right = [name for name in held.methods if name not in left_out]
    stored = {name: held.maps(name) for name in held.methods}
    maps = {name: np.full_like(each, np.nan) for name, each in stored.items()}
    for name, pairs, found in _by_shard(restored, other, site, held, right, advance) if right else ():
        maps[name][pairs] = found
    each = [map_likeness(stored[name], maps[name]) if name in right else np.empty(0) for name in held.methods]
    known = [values[~np.isnan(values)] for values in each]
    return {
        "method": np.array(held.methods),
        "likeness": np.array([values.mean() if len(values) > 1 else np.nan for values in known]),
        "n_maps": np.array([len(values) for values in known]),
        "unit": held.units,
        "map": np.stack([maps[name] for name in held.methods]),
    }


def _by_shard(
    restored: RestoredRun, other: RestoredRun, site: Site, held: _Held, methods: list[str], advance: Advance
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Attribute the network with random weights at the positions where the store's network peaks, shard by shard.

    With random weights any unit is as good as another, and many are silent. So the unit is taken that is most active at
    the position. Yields a method, indices into the units of `held`, and the maps of these.
    """
    look, own = attribution_look(other, site), restored.site(held.layer)
    images = held.images
    for where, inputs, _ in restored.read(np.unique(images)):
        here = np.flatnonzero(np.isin(images, where))
        pairs = Wanted(held.units[here], np.zeros(len(here), dtype=np.int64), np.searchsorted(where, images[here]))
        _, peak = exemplar_maps(
            restored.model.network, {own: pairs}, inputs, batch_size=restored.batch_size, side=MAX_EXEMPLAR_MAP_SIDE
        )
        others = replace(pairs, unit=most_active(other.model.network, site, inputs, pairs, peak[own]))
        for name in methods:
            yield name, here, attribution_maps(look, METHODS[name], inputs, others, peak[own], advance).map


def most_active(
    network: nn.Module, site: Site, inputs: Tensor, pairs: Wanted, peak: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return the unit that is most active on each image at each position, (pair,)."""
    output = outputs_at(network, (site,), inputs)[site].float().cpu()
    maps = output if output.ndim == 4 else output[:, :, None, None]
    row, y, x = (torch.from_numpy(np.ascontiguousarray(values)) for values in (pairs.row, *peak))
    return maps[row, :, y, x].argmax(1).numpy()
