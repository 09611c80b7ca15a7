"""The suffix: the part of a network from the first operation that mixes units on, run on changed rows alone.

A row is one image under one ablation. Rows of several ablations go through the suffix together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from precompute.ablation.ablations import Segment, segments
from precompute.ablation.block import Block
from precompute.ablation.graph import Node, Stretch, image_counts
from precompute.ablation.linear_update import Update
from precompute.ablation.plan import LayerPlan
from precompute.ablation.precision import Precision


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a block, in the order of their ablations.

    Parameters
    ----------
    ablation
        (row,): index of the ablation in the block, ascending, on the CPU.
    image
        (row,): index of the image in the batch, on the network's device.
    """

    ablation: Tensor
    image: Tensor

    @classmethod
    def changed(cls, block: Block) -> "Rows":
        """Return the rows of a block that have to be computed; see `Block.changed`."""
        ablation, image = block.changed().nonzero().unbind(1)  # row by row: in order of ablation, then image
        return cls(ablation.cpu(), image)

    def __len__(self) -> int:
        return len(self.ablation)

    def split(self, size: int) -> Iterator["Rows"]:
        """Divide into parts of at most `size` rows; yield nothing if there are no rows."""
        if len(self):
            yield from map(Rows, self.ablation.split(size), self.image.split(size))

    def take(self, index: Tensor) -> "Rows":
        """Return the rows at ascending positions."""
        return Rows(self.ablation[index.cpu()], self.image[index.to(self.image.device)])

    def segments(self) -> list[Segment]:
        """Return where each ablation's rows begin and end."""
        return segments(self.ablation)


class Suffix:
    """Computes the outputs of changed rows in float32.

    Parameters
    ----------
    plan
        The network and the layer.
    """

    def __init__(self, plan: LayerPlan) -> None:
        self.plan = plan
        self.constants = {node: _channels_last(value) for node, value in plan.program.constants.items()}
        self.updates = {node: Update(node, self.constants[node.args[1]]) for node in plan.updates}
        # A network without weights has no device of its own.
        self.device = next((v.device for v in self.constants.values() if isinstance(v, Tensor)), torch.device("cpu"))
        self.wide = Stretch(plan.wide, keep=[plan.program.output])

    def in_layout(self, node: Node, value: Tensor) -> Tensor:
        """Return a node's value in the layout of the suffix: four-dimensional values have channels last in memory."""
        return value.contiguous() if self.plan.has_channels_last(node) else _channels_last(value)

    def run(self, base: dict[Node, Tensor], block: Block, rows: Rows) -> Tensor:
        """Return the network's outputs, (row, output) in float32.

        Parameters
        ----------
        base
            Unablated values of the nodes that the plan keeps, as `in_layout` returns them.
        block
            The ablations, carried to where units mix.
        rows
            The rows to compute.
        """
        batch = RowBatch(self.plan, base, block, rows)
        values: dict[Node, Any] = self.constants | image_counts(self.plan.program.nodes, len(rows))

        def value_of(node: Node) -> Any:
            return values[node] if node in values else batch.whole(node)

        with Precision.FLOAT32.matrix_products():
            for node in self.wide.steps(values):
                # The first operations that mix units need not be computed anew: their old results are updated.
                if node in self.updates:
                    values[node] = batch.update(self.updates[node], batch.old(node), node.args[0])
                else:
                    values[node] = node.run(value_of)
        return value_of(self.plan.program.output).float()


class RowBatch:
    """Values for some rows of nodes that are not computed row by row: from the unablated values and the block."""

    def __init__(self, plan: LayerPlan, base: dict[Node, Tensor], block: Block, rows: Rows) -> None:
        self.plan, self.base, self.block, self.rows = plan, base, block, rows
        self.ablation = rows.ablation.to(rows.image.device)

    def old(self, node: Node) -> Tensor:
        """Return a copy of a node's unablated value for every row, (row, ...)."""
        value = self.base[node]
        if value.dim() != 4 or self.plan.has_channels_last(node):
            return value.index_select(0, self.rows.image)
        # index_select returns its result in the order of the dimensions. Channels must stay last in memory, so they are
        # made the last dimension meanwhile.
        return value.permute(0, 2, 3, 1).index_select(0, self.rows.image).permute(0, 3, 1, 2)

    def whole(self, node: Node) -> Tensor:
        """Return the value of a node before the suffix for every row, (row, ...), with the ablated lanes set."""
        return self._in_lanes(node, self.old(node), self.block.new)

    def change(self, node: Node) -> Tensor:
        """Return what the ablations add to the value of a node before the suffix, (row, ...)."""
        return self._in_lanes(node, self.nothing(node, self.base[node].dtype), self.block.change)

    def nothing(self, node: Node, dtype: torch.dtype) -> Tensor:
        """Return zeros in the shape of a node's value, (row, ...), in the layout of the suffix."""
        as_it_is = len(node.shape) != 3 or self.plan.has_channels_last(node)
        layout = torch.contiguous_format if as_it_is else torch.channels_last
        zeros = torch.empty(len(self.rows), *node.shape, dtype=dtype, device=self.ablation.device, memory_format=layout)
        return zeros.zero_()

    def update(self, update: Update, result: Tensor, source: Node) -> Tensor:
        """Add to a mixing operation's results what the change of its narrow argument contributes."""
        change = self._narrow(self.block.change[source]).to(result)
        return update.add(result, change, self.block.channels[source], self.rows.segments())

    def _in_lanes(self, node: Node, value: Tensor, narrow: dict[Node, Tensor]) -> Tensor:
        if node in narrow:
            self.block.channels[node].write(value, self._narrow(narrow[node]), self.ablation)
        return value

    def _narrow(self, value: Tensor) -> Tensor:
        return value[self.rows.image, self.ablation]  # (image, ablation, lane, ...) to (row, lane, ...)


def _channels_last(value: Any) -> Any:
    four = isinstance(value, Tensor) and value.dim() == 4
    return value.contiguous(memory_format=torch.channels_last) if four else value


def too_close(logits: Tensor, tolerance: float | Tensor) -> Tensor:
    """Say which rows, (row,) bool, are close calls: the two highest outputs lie within `tolerance`, or one is NaN.

    The tolerance is one number, or (row, 1).
    """
    floor = logits.amax(1, keepdim=True) - tolerance
    # PyTorch sums booleans slowly, so floats are summed: where a row is cheap, this is a large part of its cost.
    return torch.ge(logits, floor, out=torch.empty_like(logits)).sum(1) != 1
