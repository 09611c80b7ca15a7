"""Compute changed rows in reduced precision first, and in float32 again where the error could matter.

Reduced precision is used on changes, not on values. A convolution or linear layer is applied to the difference that an
ablation makes to its argument: W x' - W x = W (x' - x). Every other operation is computed in float32, from the
unablated value plus the change. So the rounding is relative to the change, which is small, and a row that does not
change has exactly the outputs of float32. A row is computed again in float32 where the remaining error could exchange
its two highest outputs.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation
from precompute.ablation.block import Block, blocks, run_block
from precompute.ablation.graph import Node, Stretch, image_counts
from precompute.ablation.linear_update import Update
from precompute.ablation.plan import LayerPlan
from precompute.ablation.precision import Precision
from precompute.ablation.suffix import RowBatch, Rows, Suffix, too_close

aten = torch.ops.aten

_PRODUCTS = (aten.conv2d.default, aten.conv2d.padding, aten.linear.default)
_AVERAGES = (aten.mean.dim, aten.avg_pool2d.default, aten.adaptive_avg_pool2d.default, aten.reshape.default)

_ABLATIONS, _ROWS = 16, 128


def is_product(node: Node, constants: Container[Node]) -> bool:
    """Say whether a node multiplies its first argument, which has a value for each image, by a constant weight."""
    followed = node.op in _PRODUCTS and node.batched and node.args[0].batched
    return followed and all(used in constants for used in node.inputs[1:])


def _is_average(node: Node) -> bool:
    return node.op in _AVERAGES and node.batched and node.args[0].batched


def needed_values(plan: LayerPlan) -> frozenset[Node]:
    """Return the nodes whose unablated values reduced precision needs, beside those that the plan keeps."""
    needed: set[Node] = set()
    for node in plan.wide:
        if not (is_product(node, plan.program.constants) or _is_average(node)):
            needed.update(used for used in (node, *node.inputs) if used.batched)
    return frozenset(needed)


class DeltaSuffix:
    """Computes the outputs of changed rows by carrying changes to the end of the network.

    Parameters
    ----------
    plan
        The network and the layer; the plan must keep what `needed_values` returns.
    constants
        The network's constants in the layout of the float32 suffix.
    precision
        The precision of products.
    """

    def __init__(self, plan: LayerPlan, constants: dict[Node, Any], precision: Precision) -> None:
        self.plan = plan
        self.constants = constants
        self.precision = precision
        products = [node for node in plan.wide if is_product(node, constants)]
        self.weights = {node: constants[node.args[1]].to(precision.dtype) for node in products}
        self.updates = {node: Update(node, self.weights[node]) for node in plan.updates}
        self.wide = Stretch(plan.wide, keep=[plan.program.output])

    def run(self, base: dict[Node, Tensor], block: Block, rows: Rows) -> Tensor:
        """Return the network's outputs, (row, output) in float32; see `precompute.ablation.suffix.Suffix.run`."""
        batch = RowBatch(self.plan, base, block, rows)
        # A node has its whole value in `values`, such as a constant, or its change in `changes`, never both.
        values: dict[Node, Any] = self.constants | image_counts(self.plan.program.nodes, len(rows))
        changes: dict[Node, Tensor] = {}

        def change(node: Node) -> Any:
            return changes[node] if node in changes else batch.change(node)

        def new(node: Node) -> Any:
            if node in changes:
                return batch.old(node).add_(changes[node])
            return values[node] if node in values else batch.whole(node)

        with self.precision.matrix_products():
            for node in self.wide.steps(changes):
                if node in self.updates:
                    nothing = batch.nothing(node, self.precision.dtype)
                    changes[node] = batch.update(self.updates[node], nothing, node.args[0])
                elif node in self.weights:
                    factor = change(node.args[0]).to(self.precision.dtype)
                    # Without the bias, which cancels out in a difference.
                    changes[node] = node.op(factor, self.weights[node], None, *node.args[3:])
                elif _is_average(node):
                    # An average is linear too, so it needs no unablated value.
                    changes[node] = node.run(lambda used: values[used] if used in values else change(used))
                elif node.batched:
                    # Others, such as a ReLU, are not linear: compute them on whole values, and take the change.
                    old = batch.old(node)
                    changes[node] = torch.sub(node.run(new), old, out=old)  # `old` is a copy, so it may be overwritten
                else:
                    values[node] = node.run(new)
        return new(self.plan.program.output)


@dataclass(frozen=True, eq=False)
class ReducedPrecisionSuffix:
    """Computes the outputs of changed rows of one batch of images, each in the precision that it needs.

    Parameters
    ----------
    exact
        The suffix in float32.
    in_reduced
        The suffix in reduced precision.
    base
        Unablated values of the batch.
    tolerance
        How close two outputs may be before the error of `in_reduced` could exchange them, from `tie_tolerance_of`.
    size
        How many rows to compute at a time.
    """

    exact: Suffix
    in_reduced: DeltaSuffix
    base: dict[Node, Tensor]
    tolerance: float
    size: int

    def run(self, block: Block, rows: Rows) -> Tensor:
        """Return the network's outputs, (row, output), computed in reduced precision and held in float32."""
        return torch.cat([self.in_reduced.run(self.base, block, part) for part in rows.split(self.size)])

    def settle(self, logits: Tensor, block: Block, rows: Rows) -> int:
        """Compute close calls again in float32, in place; return how many rows these were."""
        close = too_close(logits, self.tolerance).nonzero().flatten()
        for part in close.split(self.size) if len(close) else ():
            logits[part] = self.exact.run(self.base, block, rows.take(part))
        return len(close)


def tie_tolerance_of(
    exact: Suffix, in_reduced: DeltaSuffix, base: dict[Node, Tensor], ablations: Sequence[Ablation], *, seed: int = 0
) -> float:
    """Return four times the largest error of an output in a sample of rows.

    A prediction can be wrong only where the two highest outputs are within twice the largest error of all rows. The
    sample may miss the largest error, hence another factor of two.
    """
    generator = torch.Generator().manual_seed(seed)
    some = [ablations[index] for index in torch.randperm(len(ablations), generator=generator)[:_ABLATIONS]]
    errors = [0.0]
    for indices in blocks(some, size=_ABLATIONS):
        block = run_block(exact.plan, base, [some[index] for index in indices])
        rows = Rows.changed(block)
        rows = rows.take(torch.randperm(len(rows), generator=generator)[:_ROWS].sort().values)
        if len(rows):
            error = in_reduced.run(base, block, rows) - exact.run(base, block, rows)
            errors.append(error.abs().max().item())
    return 4 * max(errors)
