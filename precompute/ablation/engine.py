"""The engine: exact sweeps that recompute only what an ablation changes.

For a batch of images the network runs once. Ablations go in blocks through the operations that keep units apart, on
the ablated lanes alone (`precompute.ablation.block`). Rows that come out of it unchanged are done. The others, of
several ablations together, go through the rest of the network (`precompute.ablation.tail`), which begins with the
update of a linear operation by a few lanes. Where a row's two highest outputs are closer than rounding, the plain
method decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, Changed
from precompute.ablation.block import Block, blocks, run_block
from precompute.ablation.graph import Node, forget, last_uses
from precompute.ablation.memory import Sizes
from precompute.ablation.plain import PlainAblater
from precompute.ablation.plan import Plan
from precompute.ablation.tail import Rows, Tail


@dataclass
class Counts:
    """What a sweep did with its rows, a row being one image under one ablation.

    Parameters
    ----------
    rows
        All of them.
    changed
        Those that were computed, because something on the way differs from the unablated network.
    rechecked
        Those that the plain method computed again, because their two highest outputs were too close to tell apart.
    audited
        Rows that were computed by the plain method too, to measure the engine's rounding error.
    largest_error
        Largest difference of an output between the two methods, on the audited rows.
    """

    rows: int = 0
    changed: int = 0
    rechecked: int = 0
    audited: int = 0
    largest_error: float = 0.0


class Engine:
    """Sweeps one layer of a captured network.

    Parameters
    ----------
    plan
        The network and the layer.
    plain
        The plain method on the same layer, for rows that rounding could decide.
    memory_bytes
        How much to hold at a time, about.
    """

    def __init__(self, plan: Plan, plain: PlainAblater, *, memory_bytes: int) -> None:
        self.plan = plan
        self.plain = plain
        self.tail = Tail(plan)
        self.sizes = Sizes(plan, memory_bytes)
        self.counts = Counts()

    @torch.inference_mode()
    def sweep(self, inputs: Tensor, ablations: Sequence[Ablation]) -> Iterator[Changed]:
        """Run every ablation on every image of a shard; see `precompute.ablation.ablations.Ablater`.

        `counts` says afterwards what was done, added to what earlier sweeps did.
        """
        self.counts.rows += len(inputs) * len(ablations)
        tolerance = self._tolerance(inputs, ablations)
        for changed in self._sweep(inputs, ablations):
            self.counts.changed += len(changed.rows)
            yield self._rechecked(changed, inputs, ablations, tolerance)

    def _sweep(self, inputs: Tensor, ablations: Sequence[Ablation]) -> Iterator[Changed]:
        for images in torch.arange(len(inputs)).split(self.sizes.images):
            base = self._base(inputs[images])
            for indices in blocks(ablations, len(self.plan.lanes[self.plan.site]), self.sizes.lanes(len(images))):
                block = run_block(self.plan, base, [ablations[index] for index in indices])
                for rows, logits in self._run(base, block):
                    for segment in rows.segments():
                        part = slice(segment.start, segment.stop)
                        yield Changed(indices[segment.ablation], images[rows.image[part].cpu()], logits[part])

    def _base(self, inputs: Tensor) -> dict[Node, Tensor]:
        """Return the unablated values that the plan keeps."""
        values = {**self.tail.constants, self.plan.program.images: self.tail.fit(inputs.to(self.tail.device))}
        dead = last_uses(self.plan.base, keep=self.plan.kept)
        for node in self.plan.base:
            values[node] = node.run(values.__getitem__)
            forget(values, dead[node])
        return {node: self.tail.fit(values[node]) for node in self.plan.kept}

    def _run(self, base: dict[Node, Tensor], block: Block) -> Iterator[tuple[Rows, Tensor]]:
        """Compute the changed rows of a block, some at a time."""
        ablation, image = block.changed().nonzero().unbind(1)
        for rows in Rows(ablation.cpu(), image).split(self.sizes.rows):
            if len(rows):
                yield rows, self.tail.run(base, block, rows)

    def _tolerance(self, inputs: Tensor, ablations: Sequence[Ablation]) -> float:
        """Return how close two outputs may come before rounding could exchange them, measured on a few rows."""
        generator = torch.Generator().manual_seed(len(inputs))
        images = torch.randperm(len(inputs), generator=generator)[:4]
        sample = [ablations[index] for index in torch.randperm(len(ablations), generator=generator)[:4]]
        largest = 0.0
        for changed in self._sweep(inputs[images], sample):
            exact = self.plain.run(inputs[images[changed.rows]], sample[changed.ablation])
            error = (exact - changed.logits).abs().max().item()
            # No sample finds the largest error; single precision keeps 24 bits.
            largest = max(largest, 8 * error, 8 * exact.abs().max().item() * 2**-24)
            self.counts.audited += len(changed.rows)
            self.counts.largest_error = max(self.counts.largest_error, error)
        return largest

    def _rechecked(self, changed: Changed, inputs: Tensor, ablations: Sequence[Ablation], tolerance: float) -> Changed:
        """Let the plain method decide where the two highest outputs are closer than `tolerance`."""
        close = too_close(changed.logits, tolerance).nonzero().flatten()
        for part in close.split(self.plain.batch_size):
            rows = changed.rows[part.cpu()]
            changed.logits[part] = self.plain.run(inputs[rows], ablations[changed.ablation])
            self.counts.rechecked += len(rows)
        return changed


def too_close(logits: Tensor, tolerance: float) -> Tensor:
    """Return which rows, (row,), have their two highest outputs within `tolerance`, or a NaN among them."""
    highest = logits.topk(min(2, logits.shape[1]), dim=1).values
    return ~(highest[:, 0] - highest[:, -1] > tolerance)
