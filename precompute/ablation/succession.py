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
from precompute.ablation.graph import Node, forget, image_counts, last_uses, size_of
from precompute.ablation.plain import PlainAblater
from precompute.ablation.route import Reach, Route, Trip

_BYTES = 4
_AUDITED_IMAGES, _AUDITED_TRIALS = 4, 2


Units = tuple[int, ...]


class Succession(Protocol):
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


def make_succession(ablater: Ablater, shards: Iterable[Tensor]) -> Succession:
    """Return what runs rounds on some images.

    Parameters
    ----------
    ablater
        The layer's, from `precompute.ablation.choose.make_ablater`.
    shards
        (image, channel, height, width) each. What the layer makes of the images stays in memory on the network's
        device, see `held_bytes`.
    """
    if isinstance(ablater, Engine):
        return EngineSuccession(ablater, shards)
    assert isinstance(ablater, PlainAblater)
    return PlainSuccession(ablater, shards)


def held_bytes(ablater: Ablater, image: Tensor) -> int:
    """Return how much memory a succession takes for one image, about, given that image's input."""
    held = image.numel()
    if isinstance(ablater, Engine):
        held = sum(size_of(node) for node in _held_nodes(ablater.by_unit))
    return _BYTES * held


def silence(units: Units) -> Ablation:
    """Return the ablation that sets some units to zero together."""
    # Sorted, so that a set gives the same numbers to the last bit however it came about.
    return Ablation(tuple(sorted(units)), (0.0,) * len(units))


class PlainSuccession:
    """Rounds by whole forward passes."""

    def __init__(self, plain: PlainAblater, shards: Iterable[Tensor]) -> None:
        self.plain = plain
        self.inputs = torch.cat(list(shards))

    def round(self, gone: Units, tried: Sequence[Units]) -> Iterator[Changed]:
        """Yield every image for every trial; see `Succession`."""
        yield from self.plain.sweep(self.inputs, [silence((*gone, *units)) for units in tried])


class EngineSuccession:
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
        self.route = engine.by_unit
        self.after = self.route.plan.after[1:]
        self.dead = last_uses(self.after, keep=self.route.plan.kept)
        self.audited = torch.empty(0)
        self.held: list[tuple[Tensor, list[dict[Node, Any]]]] = []
        n_images = 0
        for inputs in shards:
            for images in torch.arange(len(inputs)).split(self.route.sizes.images):
                parts = [self._hold(batch) for batch in inputs[images].split(engine.plain.batch_size)]
                self.held.append((n_images + images, parts))
            n_images += len(inputs)
            self.audited = inputs[:_AUDITED_IMAGES].clone() if not len(self.audited) else self.audited

    @torch.inference_mode()
    def round(self, gone: Units, tried: Sequence[Units]) -> Iterator[Changed]:
        """Yield changed images; see `Succession`."""
        reach = self._reach(gone, tried)
        for images, parts in self.held:
            for changed in self._changed(self._base(parts, gone), tried, reach):
                yield replace(changed, image=images[changed.image])

    def _changed(self, base: dict[Node, Tensor], tried: Sequence[Units], reach: Reach | None) -> Iterator[Changed]:
        trials = [silence(units) for units in tried]
        trip = Trip(self.route, base, None, reach, self.engine.counts)
        for indices in blocks(trials, self.route.sizes.lanes(len(base[self.route.plan.site]))):
            for changed in trip.run([trials[index] for index in indices]):
                yield replace(changed, ablation=torch.tensor(indices)[changed.ablation])

    @torch.inference_mode()  # called while none is on: a recorded graph would hold on to every value before the layer
    def _hold(self, inputs: Tensor) -> dict[Node, Any]:
        """Return what the values after the layer are computed from, of one batch of the plain method."""
        plan = self.route.plan
        values = {**plan.program.constants, plan.program.images: inputs.to(self.route.tail.device)}
        held = _held_nodes(self.route)
        dead = last_uses([*plan.before, plan.site], keep=held)
        for node in (*plan.before, plan.site):
            values[node] = node.run(values.__getitem__)
            forget(values, dead[node])
        return {node: values[node] for node in held}

    def _base(self, parts: list[dict[Node, Any]], gone: Units) -> dict[Node, Tensor]:
        """Return the values that the plan keeps, without the units that are gone."""
        kept = [self._base_of(part, silence(gone)) for part in parts]
        return {node: self.route.tail.fit(torch.cat([part[node] for part in kept])) for node in self.route.plan.kept}

    def _base_of(self, part: dict[Node, Any], gone: Ablation) -> dict[Node, Any]:
        plan = self.route.plan
        values = {**self.route.tail.constants, **part}
        values |= image_counts(plan.program.nodes, len(part[plan.site]))
        values[plan.site] = gone.apply(part[plan.site])
        for node in self.after:
            values[node] = node.run(values.__getitem__)
            forget(values, self.dead[node])
        return values

    def _reach(self, gone: Units, tried: Sequence[Units]) -> Reach:
        """Return how close two outputs may be before rounding could exchange them, from a few rows by both methods."""
        some = [tried[i * len(tried) // _AUDITED_TRIALS] for i in range(min(_AUDITED_TRIALS, len(tried)))]
        base = self._base([self._hold(self.audited)], gone)
        errors, largest = [0.0], [0.0]
        for changed in self._changed(base, some, None):
            for segment in segments(changed.ablation):
                images = self.audited[changed.image[segment.rows]]
                exact = self.engine.plain.run(images, silence((*gone, *some[segment.ablation])))
                errors.append((exact - changed.logits[segment.rows]).abs().max().item())
                largest.append(exact.abs().max().item())
        return Reach.of(max(errors), max(largest))


def _held_nodes(route: Route) -> list[Node]:
    """Return the site and what else the values after it are computed from."""
    plan = route.plan
    computed = set(plan.after[1:])
    used = {used for node in plan.after[1:] for used in node.inputs} | plan.kept
    wanted = {node for node in used if node not in computed and node.batched} | {plan.site}
    return [node for node in (plan.program.images, *plan.before, plan.site) if node in wanted]
