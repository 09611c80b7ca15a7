"""The part of a network after units have mixed, run on the rows that an ablation changes.

A row is one image under one ablation. Rows of several ablations go through together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from precompute.ablation.block import Block
from precompute.ablation.graph import Node, forget, image_counts, last_uses
from precompute.ablation.plan import Plan
from precompute.ablation.precision import Precision
from precompute.ablation.updates import Segment, Update


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows of a block, in order of their ablations.

    Parameters
    ----------
    ablation
        (row,): index into the block's ablations, on the CPU.
    image
        (row,): index into the batch of images, on the network's device.
    """

    ablation: Tensor
    image: Tensor

    @classmethod
    def changed(cls, block: Block) -> "Rows":
        """Return the rows of a block that differ from the unablated ones."""
        ablation, image = block.changed().nonzero().unbind(1)
        return cls(ablation.cpu(), image)

    def __len__(self) -> int:
        return len(self.ablation)

    def split(self, size: int) -> Iterator["Rows"]:
        """Divide into runs of at most `size` rows."""
        yield from map(Rows, self.ablation.split(size), self.image.split(size))

    def take(self, index: Tensor) -> "Rows":
        """Return the rows at ascending positions."""
        return Rows(self.ablation[index.cpu()], self.image[index.to(self.image.device)])

    def segments(self) -> list[Segment]:
        """Return where each ablation's rows begin and end."""
        ablations, counts = torch.unique_consecutive(self.ablation, return_counts=True)
        stops = counts.cumsum(0)
        table = torch.stack([ablations, stops - counts, stops], dim=1)
        return [Segment(*row) for row in table.tolist()]


class Tail:
    """Computes the outputs of changed rows.

    Parameters
    ----------
    plan
        The network and the layer.
    precision
        What to compute in.
    """

    def __init__(self, plan: Plan, precision: Precision = Precision.FLOAT32) -> None:
        self.plan = plan
        self.precision = precision
        self.constants = {node: self.fit(value) for node, value in plan.program.constants.items()}
        self.updates = {node: Update(node, self.constants[node.args[1]]) for node in plan.updates}
        self.device = next((v.device for v in self.constants.values() if isinstance(v, Tensor)), torch.device("cpu"))
        self.dead = last_uses(plan.wide, keep=[plan.program.output])

    def fit(self, value: Any) -> Any:
        """Return a value in this precision, four-dimensional ones with channels last."""
        if not isinstance(value, Tensor) or not value.is_floating_point():
            return value
        layout = torch.channels_last if value.dim() == 4 else torch.contiguous_format
        return value.to(self.precision.dtype).contiguous(memory_format=layout)

    def run(self, base: dict[Node, Tensor], block: Block | None, rows: Rows) -> Tensor:
        """Return the network's outputs, (row, output) in float32.

        Parameters
        ----------
        base
            Unablated values of the nodes that the plan keeps, as `fit` returns them.
        block
            The ablations, carried to where units mix; None for none.
        rows
            Which images under which of them.
        """
        batch = _Batch(base, block, rows)
        values: dict[Node, Any] = self.constants | image_counts(self.plan.program.nodes, len(rows))

        def look(node: Node) -> Any:
            return values[node] if node in values else batch.whole(node)

        with self.precision.matrix_products():
            for node in self.plan.wide:
                if node in self.updates:
                    values[node] = batch.updated(node, self.updates[node])
                else:
                    values[node] = node.run(look)
                forget(values, self.dead[node])
        return look(self.plan.program.output).float()


class _Batch:
    """Values of nodes that are not computed row by row, put together for some rows."""

    def __init__(self, base: dict[Node, Tensor], block: Block | None, rows: Rows) -> None:
        self.base, self.block, self.rows = base, block, rows
        self.ablation = rows.ablation.to(rows.image.device)

    def whole(self, node: Node) -> Tensor:
        """Return the value of a node before the mixing, (row, ...), with the ablated lanes in place."""
        value = self.old(node)
        if self.block is not None and node in self.block.new:
            lanes = self.block.lanes[node][self.ablation]
            new = self._narrow(self.block.new[node]).to(value)
            value.scatter_(1, lanes.view(*lanes.shape, *(1 for _ in new.shape[2:])).expand_as(new), new)
        return value

    def updated(self, node: Node, update: Update) -> Tensor:
        """Return the value of a mixing node."""
        value, source = self.old(node), node.inputs[0]
        if self.block is None:
            return value
        change = self._narrow(self.block.change[source]).to(value)
        return update.add(value, change, self.block.lanes[source], self.rows.segments())

    def old(self, node: Node) -> Tensor:
        """Return a node's unablated value for every row, (row, ...), in memory of its own."""
        value = self.base[node]
        if value.dim() != 4:
            return value.index_select(0, self.rows.image)
        return value.permute(0, 2, 3, 1).index_select(0, self.rows.image).permute(0, 3, 1, 2)

    def _narrow(self, value: Tensor) -> Tensor:
        return value[self.rows.image, self.ablation]


def too_close(logits: Tensor, tolerance: float) -> Tensor:
    """Return which rows, (row,), have their two highest outputs within `tolerance`, or a NaN among them."""
    floor = logits.amax(1, keepdim=True) - tolerance
    # Counted in floats: this is a large part of the cost of a row in closed form, and PyTorch sums booleans slowly.
    return torch.ge(logits, floor, out=torch.empty_like(logits)).sum(1) != 1
