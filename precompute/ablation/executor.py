"""Run a block of ablations on a batch of images, and compute rows again whose highest outputs are too close."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, Changed
from precompute.ablation.batch_sizes import Sizes
from precompute.ablation.block import Block, run_block
from precompute.ablation.graph import Node, Stretch, image_counts
from precompute.ablation.plan import LayerPlan
from precompute.ablation.precision import Precision
from precompute.ablation.reduced_precision import DeltaSuffix, ReducedPrecisionSuffix, needed_values, tie_tolerance_of
from precompute.ablation.reference_suffix import ReferenceSuffix
from precompute.ablation.suffix import Rows, Suffix, too_close
from precompute.ablation.sweep_stats import SweepStats

ROUNDING = 1e-4
"""Error of an output, relative to the largest, that float32 explains: it carries 6e-8, and deep networks multiply it by
a thousand."""


@dataclass(frozen=True)
class TieTolerance:
    """How close the two highest outputs may be before rounding could exchange them.

    Parameters
    ----------
    usual
        From the error that was measured.
    no_op
        For ablations that change nothing: no more than rounding explains. A wrong engine measures a wide error, and the
        plain method would otherwise answer for it in its own check.
    """

    usual: float
    no_op: float

    @classmethod
    def of(cls, error: float, largest: float) -> "TieTolerance":
        """Return the tolerance for rounding, given the largest error of a few rows and the largest output."""
        # No sample finds the largest error, and float32 keeps 24 bits.
        usual = 4 * max(error, largest * 2**-24)
        return cls(usual, min(usual, ROUNDING * largest))

    def of_rows(self, block: Block, rows: Rows) -> float | Tensor:
        """Return the one tolerance of all rows of a block, or that of each, (row, 1)."""
        if not block.no_op.any():
            return self.usual
        is_no_op = block.no_op[rows.ablation].to(rows.image.device)
        return torch.where(is_no_op, self.no_op, self.usual).unsqueeze(1)


class LayerExecutor:
    """Runs ablations of units, or of directions, of one layer.

    Parameters
    ----------
    plan
        The network and the layer.
    batch_size
        Images in one forward pass of the plain method.
    memory_bytes
        How much to hold at a time, about.
    precision
        What to compute changed rows in.
    """

    def __init__(self, plan: LayerPlan, *, batch_size: int, memory_bytes: int, precision: Precision) -> None:
        if precision is not Precision.FLOAT32:
            plan = plan.keeping(needed_values(plan))
        self.plan = plan
        self.batch_size = batch_size
        self.suffix = Suffix(plan)
        self.in_reduced = (
            None if precision is Precision.FLOAT32 else DeltaSuffix(plan, self.suffix.constants, precision)
        )
        self.reference = ReferenceSuffix(plan.program.recorded or plan.program, plan.layer)
        self._before = Stretch(plan.before, keep=plan.held)
        self._after = Stretch(plan.after, keep=plan.kept)
        self.sizes = Sizes(plan, memory_bytes, batch_size=batch_size, device=self.suffix.device)

    def unablated(self, inputs: Tensor, at_layer: Tensor | None = None) -> dict[Node, Tensor]:
        """Return the values without ablation that the plan keeps, of some images.

        Parameters
        ----------
        inputs
            (image, ...): the images.
        at_layer
            (image, unit, ...): the layer's output for them, where it is at hand.
        """
        return self.joined([self.from_layer(held) for held in self.up_to_layer(inputs, at_layer)])

    def up_to_layer(self, inputs: Tensor, at_layer: Tensor | None = None) -> Iterator[dict[Node, Any]]:
        """Yield `LayerPlan.held`'s values, batch by batch of the plain method.

        Up to the layer the operations run as they do in the network, on the batches that the plain method would run
        them on, so that they round alike and an error can only come from what follows.
        """
        if at_layer is not None and self.plan.needs_layer_alone:
            yield from ({self.plan.site: part} for part in at_layer.split(self.batch_size))
        else:
            yield from map(self._up_to_layer, inputs.split(self.batch_size))

    def _up_to_layer(self, batch: Tensor) -> dict[Node, Any]:
        plan = self.plan
        values = {**plan.program.constants, plan.program.images: batch.to(self.suffix.device)}
        for node in self._before.steps(values):
            values[node] = node.run(values.__getitem__)
        return {node: values[node] for node in plan.held}

    def from_layer(self, held: dict[Node, Any]) -> dict[Node, Tensor]:
        """Return the values that the plan keeps, of one batch, from those of `LayerPlan.held`."""
        plan = self.plan
        values = self.suffix.constants | image_counts(plan.program.nodes, len(held[plan.site])) | held
        for node in self._after.steps(values):
            values[node] = node.run(values.__getitem__)
        return {node: values[node] for node in plan.kept}

    def joined(self, parts: Sequence[dict[Node, Tensor]]) -> dict[Node, Tensor]:
        """Put kept values of successive batches together, as the suffix takes them."""
        return {node: self.suffix.fit(node, torch.cat([part[node] for part in parts])) for node in self.plan.kept}

    def reduced_precision_on(
        self, base: dict[Node, Tensor], ablations: Sequence[Ablation]
    ) -> ReducedPrecisionSuffix | None:
        """Return what computes rows of a batch of images in reduced precision first; None in float32."""
        if self.in_reduced is None:
            return None
        # A no-op has no error to show: its change is zero in any precision.
        real = [ablation for ablation in ablations if not ablation.is_no_op]
        return ReducedPrecisionSuffix(
            self.suffix,
            self.in_reduced,
            base,
            tie_tolerance_of(self.suffix, self.in_reduced, base, real),
            self.sizes.rows,
        )


@dataclass(frozen=True, eq=False)
class BatchSweep:
    """The ablations of one batch of images.

    Parameters
    ----------
    executor
        Of the layer.
    base
        The batch's unablated values.
    in_reduced
        What computes rows in reduced precision first; None to compute all in float32 at once.
    tolerance
        Of the rounding of float32; None to compute nothing again.
    counts
        Gets added what is computed again.
    """

    executor: LayerExecutor
    base: dict[Node, Tensor]
    in_reduced: ReducedPrecisionSuffix | None
    tolerance: TieTolerance | None
    counts: SweepStats

    def run(self, ablations: Sequence[Ablation]) -> Iterator[Changed]:
        """Run a block of ablations, and number ablations and images as they come here."""
        block = run_block(self.executor.plan, self.base, ablations)
        sizes = self.executor.sizes
        size = sizes.rows if self.in_reduced is None else sizes.rows_in_reduced_precision
        for rows in Rows.changed(block).split(size):
            logits = self._at_first(block, rows)
            # Before the next line writes over outputs that are too close to call.
            at_first = _of_no_ops(logits, block.no_op[rows.ablation]) if block.no_op.any() else None
            self._again(logits, block, rows, ablations)
            yield Changed(rows.ablation, rows.image.cpu(), logits, at_first)

    def _at_first(self, block: Block, rows: Rows) -> Tensor:
        return (
            self.executor.suffix.run(self.base, block, rows)
            if self.in_reduced is None
            else self.in_reduced.run(block, rows)
        )

    def _again(self, logits: Tensor, block: Block, rows: Rows, ablations: Sequence[Ablation]) -> None:
        """Compute again what is too close to call: in float32, and then by the plain method."""
        if self.in_reduced is not None:
            self.counts.in_float32 += self.in_reduced.settle(logits, block, rows)
        if self.tolerance is not None:
            close = too_close(logits, self.tolerance.of_rows(block, rows)).nonzero().flatten()
            self.counts.rechecked += len(close)
            if len(close):
                logits[close] = self._plainly(rows.take(close), ablations)

    def _plainly(self, rows: Rows, ablations: Sequence[Ablation]) -> Tensor:
        # The recorded network has nodes of its own. What does not depend on the layer has the same name in both, and so
        # has the layer.
        by_name = {node.name: value for node, value in self.base.items()}
        parts = [
            self.executor.reference.run(by_name, rows.image[segment.rows], ablations[segment.ablation])
            for segment in rows.segments()
        ]
        return torch.cat(parts)


def _of_no_ops(logits: Tensor, is_no_op: Tensor) -> Tensor:
    """Return the highest output of each row of a no-op, (row,); -1 for other rows."""
    highest = torch.full(is_no_op.shape, -1, dtype=torch.int64, device=logits.device)
    chosen = is_no_op.nonzero().flatten().to(logits.device)
    # max finds an index several times faster than argmax.
    highest[chosen] = logits[chosen].max(1).indices
    return highest
