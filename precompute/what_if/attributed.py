"""Attributions on demand: where on one image units look, by one method, and where they would with random weights."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from precompute.ablation.batch_sizes import memory_budget
from precompute.attribution_methods import METHODS
from precompute.errors import LayerError
from precompute.experiments.attribution import look_at
from precompute.experiments.random_weights import most_active
from precompute.experiments.restored_run import RestoredRun
from precompute.measures.likeness import map_likeness
from precompute.models.device import exact_float32
from precompute.models.receptive_field import receptive_fields
from precompute.models.scrambled import scrambled
from precompute.models.sites import Site
from precompute.models.weights_before import weights_by_place
from precompute.stages.activation_at import WholeNetwork, not_right, rows_within
from precompute.stages.cone import Cone
from precompute.stages.exemplar_maps import Look, Maps, attribution_maps, exemplar_maps
from precompute.stages.exemplars import Wanted
from precompute.store.schema import MAX_EXEMPLAR_MAP_SIDE
from precompute.what_if.request import AFTER, ALL, OWN
from precompute.what_if.watch import Watch
from precompute.what_if.wire import Arrays

_DRAWS = 3


@dataclass(frozen=True, eq=False)
class _Asked:
    """Units on one image, by one method, and where they peak on it."""

    method: str
    inputs: Tensor
    pairs: Wanted
    peak: tuple[np.ndarray, np.ndarray]

    def maps(self, look: Look) -> Maps:
        return attribution_maps(look, METHODS[self.method], self.inputs, self.pairs, self.peak, lambda _n: None)


class Attributor:
    """Attributes units of one layer to single images, as a run does for its exemplars.

    Parameters
    ----------
    restored
        The network and the images.
    site
        The layer.
    """

    def __init__(self, restored: RestoredRun, site: Site) -> None:
        self._restored, self._site = restored, site
        self._tried: dict[str, dict[str, str]] = {}
        with exact_float32():
            self._look = look_at(restored, site)
        self._reach = receptive_fields(restored.model.network, site, restored.probe[:2])

    @exact_float32()
    def maps(self, units: Sequence[int], method: str, inputs: Tensor) -> Arrays:
        """Attribute the activation of each unit, where it peaks on an image, to that image.

        Parameters
        ----------
        units
            The units.
        method
            One of `precompute.attribution_methods`.
        inputs
            (1, channel, height, width), preprocessed.

        Returns
        -------
        dict of str to array
            ``attribution`` (unit, row, column) float32; ``error`` (unit,): by how much each map's sum misses what it
            promises to be, as a share of it, NaN where that is not known; ``field`` (unit, 4): the first row, first
            column, last row and last column of the input that the peak can depend on, beyond the image where it is
            padded, NaN where that is not known.

        Raises
        ------
        LayerError
            Where the method cannot be right for the layer.
        """
        left_out = self._left_out(method)
        if method in left_out:
            raise LayerError(f"{METHODS[method].label} cannot be right for {self._site.name}. {left_out[method]}")
        asked = self._asked(units, method, inputs)
        found = asked.maps(self._look)
        error = np.full(len(units), np.nan) if found.error is None else found.error
        return {"attribution": found.map.astype(np.float32), "error": error, "field": self._fields(asked)}

    @exact_float32()
    def random(self, unit: int, method: str, inputs: Tensor, watch: Watch) -> Arrays:
        """Attribute a unit's peak again in networks with weights in random order, and say how alike the maps are.

        Where the layer's own weights are in random order, one unit is as good as another and many are silent: the one
        that is most active at the peak is taken, as the experiment ``random_weights`` does.

        Parameters
        ----------
        unit, method, inputs
            As for :meth:`maps`.
        watch
            Told of every map.

        Returns
        -------
        dict of str to array
            ``random_step`` (map,): which weights are in random order, of `precompute.what_if.request`; ``random_map``
            (map, row, column), NaN where the method cannot be right with such weights; ``likeness`` (map,): as
            `precompute.measures.likeness.map_likeness` has it.
        """
        asked = self._asked([unit], method, inputs)
        own = asked.maps(self._look).map
        steps, maps = [], []
        networks = list(self._weights_in_random_order())
        with watch.stage("attributing with random weights", len(networks)):
            for step, seed, names in networks:
                steps.append(step)
                found = self._in_random_order(asked, names, seed, another_unit=step != AFTER)
                maps.append(np.full_like(own, np.nan) if found is None else found.map)
                watch.advance(1)
        every = np.concatenate(maps)
        likeness = map_likeness(np.repeat(own, len(every), axis=0), every)
        return {"random_step": np.array(steps), "random_map": every.astype(np.float32), "likeness": likeness}

    def _weights_in_random_order(self) -> Iterator[tuple[int, int, Collection[str]]]:
        """Yield the step, the seed and the names of the weights of every network that is tried."""
        weights = weights_by_place(self._restored.model.network, self._site, self._restored.probe)
        if weights.after:
            yield AFTER, 0, weights.after
        for step, names in ((OWN, weights.own), (ALL, weights.before | weights.after)):
            if step == ALL or names != weights.before:
                yield from ((step, seed, names) for seed in range(_DRAWS))

    def _in_random_order(self, asked: _Asked, names: Collection[str], seed: int, *, another_unit: bool) -> Maps | None:
        """Attribute in a network whose weights of these names are in random order; None where that cannot be right."""
        network = scrambled(self._restored.model.network, seed=seed, only=names)
        other = replace(self._restored, model=replace(self._restored.model, network=network))
        if not_right(network, self._site, other.probe[:2], [asked.method]):
            return None
        if another_unit:
            unit = most_active(network, self._site, asked.inputs, asked.pairs, asked.peak)
            asked = replace(asked, pairs=replace(asked.pairs, unit=unit))
        return asked.maps(self._look_of(other))

    def _look_of(self, other: RestoredRun) -> Look:
        """Return how another network's units are attributed: for a single map the whole network is quicker to prepare.

        Where the clipping of a layer is left out, that is part of what is attributed; the other network is captured.
        """
        if isinstance(self._look.network, Cone) and self._look.network.leaves_out_clipping:
            return look_at(other, self._site)
        whole = WholeNetwork(other.model.network, self._site)
        rows = rows_within(memory_budget(other.device), whole, other.probe[:1])
        return replace(self._look, network=whole, rows=min(rows, other.batch_size))

    def _asked(self, units: Sequence[int], method: str, inputs: Tensor) -> _Asked:
        first = np.zeros(len(units), dtype=np.int64)
        pairs = Wanted(np.asarray(units), first, first)
        _, peak = exemplar_maps(
            self._restored.model.network,
            {self._site: pairs},
            inputs,
            batch_size=self._restored.batch_size,
            side=MAX_EXEMPLAR_MAP_SIDE,
        )
        return _Asked(method, inputs, pairs, peak[self._site])

    def _fields(self, asked: _Asked) -> np.ndarray:
        if self._reach is None:
            return np.full((len(asked.pairs), 4), np.nan)
        down, across = self._reach
        ends = ((down.of(int(y)), across.of(int(x))) for y, x in zip(*asked.peak, strict=True))
        return np.array([[rows[0], columns[0], rows[1], columns[1]] for rows, columns in ends]).reshape(-1, 4)

    def _left_out(self, method: str) -> dict[str, str]:
        """Say why a method cannot be right for the layer, by its name, as `not_right` does; tried once."""
        if method not in self._tried:
            network = self._restored.model.network
            self._tried[method] = not_right(network, self._site, self._restored.probe[:2], [method])
        return self._tried[method]
