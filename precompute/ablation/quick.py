"""Changed rows in reduced precision first, and in float32 where that could matter.

What reduced precision makes of a row is corrected by what it makes of the same image without ablation, whose outputs
are known in float32. Most of its error is in what the two have in common and cancels. A row whose two highest outputs
are still within reach of the error is computed in float32.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation
from precompute.ablation.block import Block, blocks, run_block
from precompute.ablation.graph import Node
from precompute.ablation.tail import Rows, Tail, too_close

_ABLATIONS, _ROWS = 16, 128


class QuickTail:
    """Computes the outputs of changed rows of one batch of images.

    Parameters
    ----------
    exact
        The computation in float32.
    quick
        The same in reduced precision.
    base
        Unablated values of the batch, as `exact` takes them.
    ablations
        What will be swept; some of them are tried, to measure the error.
    """

    def __init__(self, exact: Tail, quick: Tail, base: dict[Node, Tensor], ablations: Sequence[Ablation]) -> None:
        self.exact, self.quick = exact, quick
        self.base = base
        self.quick_base = {node: quick.fit(value) for node, value in base.items()}
        outputs = base[exact.plan.program.output]
        every = torch.arange(len(outputs), device=outputs.device)
        self.correction = outputs - self.quick.run(self.quick_base, None, Rows(every.cpu(), every))
        self.reach = 4 * self._error(ablations)
        self.rechecked = 0

    def run(self, block: Block, rows: Rows) -> Tensor:
        """Return the network's outputs, (row, output) in float32, and count in `rechecked` how many rows went twice."""
        logits = self._quickly(block, rows)
        close = too_close(logits, self.reach).nonzero().flatten()
        if len(close):
            logits[close] = self.exact.run(self.base, block, rows.take(close))
        self.rechecked += len(close)
        return logits

    def _quickly(self, block: Block, rows: Rows) -> Tensor:
        return self.quick.run(self.quick_base, block, rows) + self.correction[rows.image]

    def _error(self, ablations: Sequence[Ablation]) -> float:
        """Return the largest error of an output in a sample of rows."""
        generator = torch.Generator().manual_seed(len(ablations))
        some = [ablations[index] for index in torch.randperm(len(ablations), generator=generator)[:_ABLATIONS]]
        errors = [0.0]
        for indices in blocks(some, self.exact.plan.n_units, size=_ABLATIONS):
            block = run_block(self.exact.plan, self.base, [some[index] for index in indices])
            rows = Rows.changed(block)
            rows = rows.take(torch.randperm(len(rows), generator=generator)[:_ROWS].sort().values)
            if len(rows):
                error = self._quickly(block, rows) - self.exact.run(self.base, block, rows)
                errors.append(error.abs().max().item())
        return max(errors)
