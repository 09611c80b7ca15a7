"""Units silenced one after another: in every round remaining ones are tried beside those that are gone.

Trying a unit changes one unit, however many are gone already. So the state without those is computed once a round, from
the layer on, and the trials are sweeps of single units over it: they cost the same in every round, and images on which
a remaining unit is silent are skipped.
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
    """Some images, ready for round after round."""

    def round(self, gone: Units, tried: Sequence[Units]) -> Iterator[Changed]:
        """Silence more units beside those that are silent already.

        Parameters
        ----------
        gone
            Units that are silent throughout.
        tried
            Units to silence together, in turn; none of those that are gone.

        Yields
        ------
        Changed
            Its ablations are indices into `tried`, its images those in the order in which they were given. A row that
            does not come has the outputs that the image has without the units that are gone.
        """
        ...


def make_iterative(ablater: Ablater, shards: Iterable[Tensor]) -> IterativeAblation:
    """Return what runs rounds on some images.

    Parameters
    ----------
    ablater
        The layer's, from `precompute.ablation.factory.make_ablater`.
    shards
        (image, channel, height, width) each. What the layer makes of the images stays in memory on the network's
        device, see `held_bytes`.
    """
    if isinstance(ablater, Engine):
        return EngineIterative(ablater, shards)
    return PlainIterative(ablater.plain, shards)


def held_bytes(ablater: Ablater, image: Tensor) -> int:
    """Return how much memory iterative ablation takes for one image, about, given that image's input."""
    held = image.numel()
    if isinstance(ablater, Engine):
        held = sum(size_of(node) for node in ablater.by_unit.plan.held)
    return _BYTES * held


def silence(units: Units) -> Ablation:
    """Return the ablation that sets some units to zero together."""
    # Sorted, so that a set gives the same numbers to the last bit however it came about.
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
        The layer's.
    shards
        The images.
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
        # Anew each round: with more units gone the outputs have another size, and so have their errors.
        tolerance = self._tolerance(gone, tried)
        for images, parts in self.held:
            for changed in self._changed(self._base(parts, gone), tried, tolerance):
                yield replace(changed, image=images[changed.image])

    def _changed(
        self, base: dict[Node, Tensor], tried: Sequence[Units], tolerance: TieTolerance | None
    ) -> Iterator[Changed]:
        trials = [silence(units) for units in tried]
        batch_sweep = BatchSweep(self.executor, base, None, tolerance, self.engine.counts)
        for indices in blocks(trials, self.executor.sizes.units(len(base[self.executor.plan.site]))):
            for changed in batch_sweep.run([trials[index] for index in indices]):
                yield replace(changed, ablation=torch.tensor(indices)[changed.ablation])

    @torch.no_grad()  # called while none is on: a recorded graph would hold on to every value before the layer
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
        # Spread over the units: neighbours may be alike.
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
