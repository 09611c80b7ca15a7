"""The engine: exact sweeps that recompute only what an ablation changes.

A sweep goes in four steps, for one batch of images at a time:

1. The network runs once without ablation, or only from the layer on where the layer's output is at hand.
2. Blocks of ablations go through the operations that keep units apart, on the ablated lanes alone
   (`precompute.ablation.block`). A row that comes out unchanged is done: its outputs are the unablated ones.
3. The changed rows, those of several ablations together, go through the suffix, the rest of the network
   (`precompute.ablation.suffix`). The suffix begins with a linear operation, whose old result is updated for the few
   lanes that change.
4. Where the two highest outputs of a row are so close that rounding could exchange them, the row is a close call, and
   the plain method decides it (`precompute.ablation.executor`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, Changed
from precompute.ablation.audit import Audit
from precompute.ablation.block import blocks
from precompute.ablation.executor import BatchSweep, LayerExecutor, TieTolerance
from precompute.ablation.graph import Program
from precompute.ablation.plain import PlainAblater
from precompute.ablation.plan import LayerPlan, plan_layer
from precompute.ablation.precision import Precision
from precompute.ablation.sweep_stats import SweepStats, total
from precompute.errors import EngineDoubted


@dataclass(frozen=True, eq=False)
class Shard:
    """Some images as the network takes them, with the layer's unablated output for them where it is at hand."""

    inputs: Tensor
    at_layer: Tensor | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def part(self, images: Tensor | slice) -> "Shard":
        """Return the shard of some of its images, given their positions."""
        return Shard(self.inputs[images], None if self.at_layer is None else self.at_layer[images])


class Engine:
    """Sweeps one layer of a captured network.

    Parameters
    ----------
    plan
        The network and the layer, planned for its units.
    plain
        The plain method on the same layer, for the audit.
    memory_bytes
        About how many bytes to hold at a time.
    precision
        The precision of changed rows. In every precision the predictions are those of the plain method;
        log-probabilities are as exact as the precision.
    """

    def __init__(
        self, plan: LayerPlan, plain: PlainAblater, *, memory_bytes: int, precision: Precision = Precision.FLOAT32
    ) -> None:
        self.plain = plain
        self.memory_bytes = memory_bytes
        self.precision = precision
        self.by_unit = self._executor(plan)
        self.start_counting()

    @cached_property
    def by_direction(self) -> LayerExecutor:
        """The executor for directions across the layer's units."""
        return self._executor(plan_layer(self.by_unit.plan.program, self.by_unit.plan.layer, by_direction=True))

    def _executor(self, plan: LayerPlan) -> LayerExecutor:
        return LayerExecutor(
            plan, batch_size=self.plain.batch_size, memory_bytes=self.memory_bytes, precision=self.precision
        )

    def start_counting(self) -> None:
        """Set `counts` to zero."""
        self.counts = SweepStats()

    @property
    def program(self) -> Program:
        """The network as it was recorded, operation by operation, before batch norms were merged."""
        program = self.by_unit.plan.program
        return program.recorded or program

    @property
    def needs_layer_alone(self) -> bool:
        """Whether a sweep of units can start from the layer's output alone."""
        return self.by_unit.plan.needs_layer_alone

    @torch.inference_mode()
    def sweep(self, inputs: Tensor, ablations: Sequence[Ablation], at_layer: Tensor | None = None) -> Iterator[Changed]:
        """Run every ablation on every image of a shard; see `precompute.ablation.ablations.Sweeper`.

        Afterwards `counts` holds the statistics of this sweep too, added to those of earlier ones.

        Raises
        ------
        EngineDoubted
            At the end, where the prediction of an audited row differs from the plain method's. Then no row of the sweep
            can be trusted.
        """
        shard = Shard(inputs, at_layer)
        for executor, indices in self._by_executor(ablations):
            chosen = [ablations[index] for index in indices]
            for changed in self._audited(executor, shard, chosen):
                yield replace(changed, ablation=torch.tensor(indices)[changed.ablation])

    @torch.inference_mode()
    def compare(self, inputs: Tensor, ablations: Sequence[Ablation]) -> tuple[float, float]:
        """Compute a few rows by the engine in float32 and by the plain method; the ablations are of units.

        Returns
        -------
        tuple of float
            The largest difference of an output between the two methods, and the plain method's largest output.
        """
        audit = self._audit(inputs, ablations)
        return self._error_in_float32(self.by_unit, audit, Shard(inputs), ablations), audit.largest

    def _by_executor(self, ablations: Sequence[Ablation]) -> Iterator[tuple[LayerExecutor, list[int]]]:
        units = [index for index, ablation in enumerate(ablations) if ablation.basis is None]
        directions = [index for index, ablation in enumerate(ablations) if ablation.basis is not None]
        if units:
            yield self.by_unit, units
        if directions:
            yield self.by_direction, directions

    def _audited(self, executor: LayerExecutor, shard: Shard, ablations: Sequence[Ablation]) -> Iterator[Changed]:
        # The engine computes the audited rows twice. First by themselves in float32: their error says how close two
        # outputs must be for a close call. Then among all other rows: that checks what the sweep returns.
        audit = self._audit(shard.inputs, ablations)
        error = self._error_in_float32(executor, audit, shard, ablations)
        self.counts.rows += len(shard) * len(ablations)
        for changed in self._run(
            executor, shard, ablations, audit=audit, tolerance=TieTolerance.of(error, audit.largest)
        ):
            self.counts.changed += len(changed)
            yield changed
        found = total([audit.counts(), SweepStats(largest_error=error)])
        self.counts = total([self.counts, found])
        if found.differing and audit.is_finite:
            raise EngineDoubted(
                self.plain.site.name,
                f"{found.differing} of {found.audited} audited predictions differ from the plain method's",
            )

    def _audit(self, inputs: Tensor, ablations: Sequence[Ablation]) -> Audit:
        # In reduced precision more can go wrong than rounding, so the sample is larger.
        n_ablations = 2 if self.precision is Precision.FLOAT32 else 4
        return Audit.draw(self.plain, inputs, ablations, n_ablations=n_ablations)

    def _error_in_float32(
        self, executor: LayerExecutor, audit: Audit, shard: Shard, ablations: Sequence[Ablation]
    ) -> float:
        alone, chosen = audit.by_itself(), [ablations[index] for index in audit.ablations]
        for _ in self._run(executor, shard.part(audit.images), chosen, audit=alone, tolerance=None):
            pass
        return alone.error

    def _run(
        self,
        executor: LayerExecutor,
        shard: Shard,
        ablations: Sequence[Ablation],
        *,
        audit: Audit,
        tolerance: TieTolerance | None,
    ) -> Iterator[Changed]:
        """Sweep, and note the outputs in the audit; without a tolerance, in float32 and without close calls."""
        # The unablated values of a batch of images serve every ablation; memory limits how many images that are.
        for images in torch.arange(len(shard)).split(executor.sizes.images):
            part = shard.part(slice(int(images[0]), int(images[-1]) + 1))
            base = executor.unablated(part.inputs, part.at_layer)
            audit.note_unablated(images, base[executor.plan.program.output])
            in_reduced = None if tolerance is None else executor.reduced_precision_on(base, ablations)
            batch_sweep = BatchSweep(executor, base, in_reduced, tolerance, self.counts)
            for indices in blocks(ablations, executor.sizes.units(len(images))):
                for found in batch_sweep.run([ablations[index] for index in indices]):
                    at = torch.tensor(indices)[found.ablation]
                    changed = replace(found, ablation=at, image=images[found.image])
                    audit.note(changed)
                    yield changed
