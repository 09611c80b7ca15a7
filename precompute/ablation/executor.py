"""Run a block of ablations on a batch of images, and compute close calls again."""

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
"""The error of an output, relative to the largest output, that rounding in float32 can explain.

A number in float32 is exact to 6e-8; deep networks multiply this error by a thousand.
"""


@dataclass(frozen=True)
class TieTolerance:
    """How close the two highest outputs may be before rounding could exchange them.

    Parameters
    ----------
    usual
        For most rows: from the error that was measured.
    no_op
        For no-ops: no more than rounding explains. A wrong engine measures a large error. By that error every row of a
        no-op would be a close call, the plain method would decide them all, and the no-op check would find nothing.
    """

    usual: float
    no_op: float

    @classmethod
    def of(cls, error: float, largest: float) -> "TieTolerance":
        """Return the tolerance, given the largest error in a sample of rows and the largest output."""
        # Twice the largest error could exchange two outputs. Twice that again, since a sample may miss the largest; and
        # not less than float32 can resolve, which keeps 24 bits.
        usual = 4 * max(error, largest * 2**-24)
        return cls(usual, min(usual, ROUNDING * largest))

    def of_rows(self, block: Block, rows: Rows) -> float | Tensor:
        """Return the tolerance of a block's rows: one number for all, or (row, 1) where some are of no-ops."""
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
        About how many bytes to hold at a time.
    precision
        The precision of changed rows.
    """

    def __init__(self, plan: LayerPlan, *, batch_size: int, memory_bytes: int, precision: Precision) -> None:
        if precision is not Precision.FLOAT32:
            # Reduced precision computes changes, and adds them to unablated values, which are kept for that.
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
        """Return the unablated values that the plan keeps, for some images.

        Parameters
        ----------
        inputs
            (image, ...): the images.
        at_layer
            (image, unit, ...): the layer's output for the images, where it is at hand.
        """
        return self.joined([self.from_layer(held) for held in self.up_to_layer(inputs, at_layer)])

    def up_to_layer(self, inputs: Tensor, at_layer: Tensor | None = None) -> Iterator[dict[Node, Any]]:
        """Yield the values of `LayerPlan.held`, one batch of the plain method at a time.

        Up to the layer the operations run as in the network, on the same batches as in the plain method. So both round
        alike, and an error of the engine can only come from what follows the layer.
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
        """Return the values that the plan keeps for one batch, computed from the values of `LayerPlan.held`."""
        plan = self.plan
        values = self.suffix.constants | image_counts(plan.program.nodes, len(held[plan.site])) | held
        for node in self._after.steps(values):
            values[node] = node.run(values.__getitem__)
        return {node: values[node] for node in plan.kept}

    def joined(self, parts: Sequence[dict[Node, Tensor]]) -> dict[Node, Tensor]:
        """Join the kept values of successive batches, in the layout that the suffix takes."""
        return {node: self.suffix.in_layout(node, torch.cat([part[node] for part in parts])) for node in self.plan.kept}

    def reduced_precision_on(
        self, base: dict[Node, Tensor], ablations: Sequence[Ablation]
    ) -> ReducedPrecisionSuffix | None:
        """Return what computes the rows of a batch in reduced precision first; None where all is in float32."""
        if self.in_reduced is None:
            return None
        # A no-op says nothing about the error: its change is zero in any precision.
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
        The executor of the layer.
    base
        The batch's unablated values.
    in_reduced
        What computes rows in reduced precision first; None to compute all rows in float32.
    tolerance
        How close two outputs in float32 are for a close call; None to decide no row by the plain method.
    counts
        The rows that are computed again are added to it.
    """

    executor: LayerExecutor
    base: dict[Node, Tensor]
    in_reduced: ReducedPrecisionSuffix | None
    tolerance: TieTolerance | None
    counts: SweepStats

    def run(self, ablations: Sequence[Ablation]) -> Iterator[Changed]:
        """Run a block of ablations; yielded indices of ablations and images count within the block and the batch."""
        block = run_block(self.executor.plan, self.base, ablations)
        sizes = self.executor.sizes
        size = sizes.rows if self.in_reduced is None else sizes.rows_in_reduced_precision
        for rows in Rows.changed(block).split(size):
            logits = self._first_outputs(block, rows)
            # Read before the next line overwrites the outputs of close calls.
            at_first = _predictions_of_no_ops(logits, block.no_op[rows.ablation]) if block.no_op.any() else None
            self._decide_close_calls(logits, block, rows, ablations)
            yield Changed(rows.ablation, rows.image.cpu(), logits, at_first)

    def _first_outputs(self, block: Block, rows: Rows) -> Tensor:
        return (
            self.executor.suffix.run(self.base, block, rows)
            if self.in_reduced is None
            else self.in_reduced.run(block, rows)
        )

    def _decide_close_calls(self, logits: Tensor, block: Block, rows: Rows, ablations: Sequence[Ablation]) -> None:
        """Compute close calls again, in place: those of reduced precision in float32, then those of float32 plainly."""
        if self.in_reduced is not None:
            self.counts.in_float32 += self.in_reduced.settle(logits, block, rows)
        if self.tolerance is not None:
            close = too_close(logits, self.tolerance.of_rows(block, rows)).nonzero().flatten()
            self.counts.rechecked += len(close)
            if len(close):
                logits[close] = self._by_plain_method(rows.take(close), ablations)

    def _by_plain_method(self, rows: Rows, ablations: Sequence[Ablation]) -> Tensor:
        # The recorded network has nodes of its own. But the layer, and nodes that do not depend on it, have the same
        # names in both.
        by_name = {node.name: value for node, value in self.base.items()}
        parts = [
            self.executor.reference.run(by_name, rows.image[segment.rows], ablations[segment.ablation])
            for segment in rows.segments()
        ]
        return torch.cat(parts)


def _predictions_of_no_ops(logits: Tensor, is_no_op: Tensor) -> Tensor:
    """Return the index of the highest output of each row of a no-op, (row,); -1 for other rows."""
    highest = torch.full(is_no_op.shape, -1, dtype=torch.int64, device=logits.device)
    chosen = is_no_op.nonzero().flatten().to(logits.device)
    # PyTorch's max returns the index several times faster than argmax.
    highest[chosen] = logits[chosen].max(1).indices
    return highest
