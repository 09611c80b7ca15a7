"""Iterative ablation: units are silenced one after another; each round tries the remaining ones beside those gone.

A trial changes one unit, however many are gone already. So each round first computes the network from the layer on
without the units that are gone. Its trials are then a sweep of single units over that state. They cost the same in
every round, and skip images on which the tried unit is silent.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablater, Ablation, Changed, segments
from precompute.ablation.block import blocks
from precompute.ablation.engine import Engine
from precompute.ablation.executor import BatchSweep, TieTolerance
from precompute.ablation.graph import Node, size_of
from precompute.ablation.plain import PlainAblater

_BYTES = 4
_AUDITED_IMAGES, _AUDITED_TRIALS = 4, 2


Units = tuple[int, ...]


class IterativeAblation(Protocol):
    """Some images, ready to run one round after another."""

    def round(self, gone: Units, tried: Sequence[Units]) -> Iterator[Changed]:
        """Silence sets of further units, one set after another, beside the units that are gone.

        Parameters
        ----------
        gone
            Units that are silent in every trial.
        tried
            Sets of units. The units of a set are silenced together; none of them is gone.

        Yields
        ------
        Changed
            Its ablations are indices into `tried`; its images count in the order in which they were given. A row that
            does not come has the outputs of the image without the units that are gone.
        """
        ...


def make_iterative(ablater: Ablater, shards: Iterable[Tensor]) -> IterativeAblation:
    """Make some images ready for rounds.

    Parameters
    ----------
    ablater
        The layer's ablater, from `precompute.ablation.factory.make_ablaters`.
    shards
        The images, (image, channel, height, width) each. For the engine, the layer's output for all of them stays in
        memory on the network's device; for the plain method, the images themselves stay. See `held_bytes`.
    """
    if isinstance(ablater, Engine):
        return EngineIterative(ablater, shards)
    return PlainIterative(ablater.plain, shards)


def held_bytes(ablater: Ablater, image: Tensor) -> int:
    """Return about how many bytes iterative ablation holds for one image, given that image's input."""
    held = image.numel()
    if isinstance(ablater, Engine):
        held = sum(size_of(node) for node in ablater.by_unit.plan.held)
    return _BYTES * held


def silence(units: Units) -> Ablation:
    """Return the ablation that sets some units to zero together."""
    # Sorted, so that the same set gives the same numbers to the last bit, in whatever order its units are listed.
    return Ablation(tuple(sorted(units)), (0.0,) * len(units))


class PlainIterative:
    """Rounds by whole forward passes."""

    def __init__(self, plain: PlainAblater, shards: Iterable[Tensor]) -> None:
        self.plain = plain
        self.inputs = torch.cat(list(shards))

    def round(self, gone: Units, tried: Sequence[Units]) -> Iterator[Changed]:
        """Yield every image for every trial; see `IterativeAblation`."""
        yield from self.plain.sweep(self.inputs, [silence((*gone, *units)) for units in tried])


class EngineIterative:
    """Rounds by the engine.

    Parameters
    ----------
    engine
        The layer's engine.
    shards
        The images, (image, channel, height, width) each.
    """

    def __init__(self, engine: Engine, shards: Iterable[Tensor]) -> None:
        self.engine = engine
        self.executor = engine.by_unit
        self.audited = torch.empty(0)
        self.held: list[tuple[Tensor, list[dict[Node, Any]]]] = []
        n_images = 0
        for inputs in shards:
            for images in torch.arange(len(inputs)).split(self.executor.sizes.images):
                self.held.append((n_images + images, self._hold(inputs[images])))
            n_images += len(inputs)
            self.audited = inputs[:_AUDITED_IMAGES].clone() if not len(self.audited) else self.audited

    @torch.no_grad()
    def round(self, gone: Units, tried: Sequence[Units]) -> Iterator[Changed]:
        """Yield changed images; see `IterativeAblation`."""
        # Measured in each round: with more units gone the outputs have another scale, and so have their errors.
        tolerance = self._tolerance(gone, tried)
        for images, parts in self.held:
            for changed in self._changed(self._base(parts, gone), tried, tolerance):
                yield replace(changed, image=images[changed.image])

    def _changed(
        self, base: dict[Node, Tensor], tried: Sequence[Units], tolerance: TieTolerance | None
    ) -> Iterator[Changed]:
        trials = [silence(units) for units in tried]
        # None: always in float32. `gone` is in `base` already, so a trial silences its own units alone.
        batch_sweep = BatchSweep(self.executor, base, None, tolerance, self.engine.counts)
        for indices in blocks(trials, self.executor.sizes.units(len(base[self.executor.plan.site]))):
            for changed in batch_sweep.run([trials[index] for index in indices]):
                yield replace(changed, ablation=torch.tensor(indices)[changed.ablation])

    @torch.no_grad()  # with gradients on, every value before the layer would be kept in memory
    def _hold(self, inputs: Tensor) -> list[dict[Node, Any]]:
        return list(self.executor.up_to_layer(inputs))

    def _base(self, parts: list[dict[Node, Any]], gone: Units) -> dict[Node, Tensor]:
        """Return the values that the plan keeps, without the units that are gone."""
        site, silenced = self.executor.plan.site, silence(gone)
        return self.executor.joined(
            [self.executor.from_layer({**part, site: silenced.apply(part[site])}) for part in parts]
        )

    def _tolerance(self, gone: Units, tried: Sequence[Units]) -> TieTolerance:
        """Return how close two outputs may be before rounding could exchange them, from a few rows by both methods."""
        # Trials spread over the units, because neighbouring units may be alike.
        some = [tried[i * len(tried) // _AUDITED_TRIALS] for i in range(min(_AUDITED_TRIALS, len(tried)))]
        base = self._base(self._hold(self.audited), gone)
        errors, largest = [0.0], [0.0]
        for changed in self._changed(base, some, None):
            for segment in segments(changed.ablation):
                images = self.audited[changed.image[segment.rows]]
                exact = self.engine.plain.run(images, silence((*gone, *some[segment.ablation])))
                errors.append((exact - changed.logits[segment.rows]).abs().max().item())
                largest.append(exact.abs().max().item())
        return TieTolerance.of(max(errors), max(largest))
