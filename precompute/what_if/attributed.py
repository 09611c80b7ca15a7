"""Attributions on demand: maps of units on one image by one method, and the same maps with random weights."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from precompute.ablation.batch_sizes import memory_budget
from precompute.attribution_methods import METHODS
from precompute.errors import LayerError
from precompute.experiments.attribution import attribution_look
from precompute.experiments.random_weights import most_active
from precompute.experiments.restored_run import RestoredRun
from precompute.measures.likeness import map_likeness
from precompute.models.device import exact_float32
from precompute.models.receptive_field import receptive_fields
from precompute.models.shuffled_weights import with_shuffled_weights
from precompute.models.sites import Site
from precompute.models.weights_before import weights_by_place
from precompute.stages.activation_at import WholeNetwork, not_right, rows_within
from precompute.stages.exemplar_maps import Look, Maps, attribution_maps, exemplar_maps
from precompute.stages.exemplars import Wanted
from precompute.stages.windowed_network import WindowedNetwork
from precompute.store.schema import MAX_EXEMPLAR_MAP_SIDE
from precompute.what_if.request import AFTER, ALL, OWN
from precompute.what_if.watch import Watch
from precompute.what_if.wire import Arrays

_DRAWS = 3


@dataclass(frozen=True, eq=False)
class _Asked:
    """A request to attribute units on one image by one method, with the positions where the units peak."""

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
            self._look = attribution_look(restored, site)
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
            ``attribution`` (unit, row, column) float32. ``error`` (unit,): by how much each map's sum differs from the
            change of the activation that it should add up to, as a share of that change, 0 or more; NaN where the
            method promises no sum or the activation does not change. ``field`` (unit, 4): first row, first column, last
            row and last column of the input that the peak can depend on, beyond the image where it is padded; NaN where
            they are not known.

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
        """Attribute a unit's peak again in networks with weights in random order, and compare the maps.

        Where the layer's own weights are in random order, units have no identity and many are silent. So the unit that
        is most active at the peak is attributed, as in the experiment ``random_weights``.

        Parameters
        ----------
        unit, method, inputs
            As for :meth:`maps`.
        watch
            Told about every finished map.

        Returns
        -------
        dict of str to array
            ``random_step`` (map,): which weights are in random order, one of `AFTER`, `OWN` and `ALL` of
            `precompute.what_if.request`. ``random_map`` (map, row, column) float32; NaN where the method cannot be
            right with such weights. ``likeness`` (map,): likeness to the network's own map, by
            `precompute.measures.likeness.map_likeness`.
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
        """Yield, for each network to try, the step, the seed and the names of the weights to shuffle."""
        weights = weights_by_place(self._restored.model.network, self._site, self._restored.probe)
        if weights.after:
            yield AFTER, 0, weights.after
        for step, names in ((OWN, weights.own), (ALL, weights.before | weights.after)):
            if step == ALL or names != weights.before:
                yield from ((step, seed, names) for seed in range(_DRAWS))

    def _in_random_order(self, asked: _Asked, names: Collection[str], seed: int, *, another_unit: bool) -> Maps | None:
        """Attribute with the named weights in random order; None where the method cannot be right in that network."""
        network = with_shuffled_weights(self._restored.model.network, self._restored.probe[:2], seed=seed, only=names)
        other = replace(self._restored, model=replace(self._restored.model, network=network))
        if not_right(network, self._site, other.probe[:2], [asked.method]):
            return None
        if another_unit:
            unit = most_active(network, self._site, asked.inputs, asked.pairs, asked.peak)
            asked = replace(asked, pairs=replace(asked.pairs, unit=unit))
        return asked.maps(self._look_of(other))

    def _look_of(self, other: RestoredRun) -> Look:
        """Return how to attribute units of another network.

        For a single map the whole network is quicker to prepare than a windowed one. But a windowed network that leaves
        out the clipping of a layer attributes another number, so then the other network must be windowed too.
        """
        if isinstance(self._look.network, WindowedNetwork) and self._look.network.leaves_out_clipping:
            return attribution_look(other, self._site)
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
        """Return what `not_right` says about a method in this layer; each method is tried once."""
        if method not in self._tried:
            network = self._restored.model.network
            self._tried[method] = not_right(network, self._site, self._restored.probe[:2], [method])
        return self._tried[method]
