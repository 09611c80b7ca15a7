"""The engine: exact sweeps that recompute only what an ablation changes.

For a batch of images the network runs once. Ablations go in blocks through the operations that keep units apart, on
the ablated lanes alone (`precompute.ablation.block`). Rows that come out of it unchanged are done. The others, of
several ablations together, go through the rest of the network (`precompute.ablation.tail`), which begins with the
update of a linear operation by a few lanes. Where a row's two highest outputs are closer than rounding, the plain
method decides.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, Changed
from precompute.ablation.block import Block, blocks, run_block
from precompute.ablation.counts import Counts
from precompute.ablation.graph import Node, forget, last_uses
from precompute.ablation.memory import Sizes
from precompute.ablation.plain import PlainAblater
from precompute.ablation.plan import Plan
from precompute.ablation.precision import Precision
from precompute.ablation.quick import ChangeTail, QuickTail, needed_values, reach_of
from precompute.ablation.resume import Resumed
from precompute.ablation.tail import Rows, Tail, too_close


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
    precision
        What to compute changed rows in. Predictions are the plain method's in each; log-probabilities are as good as
        the precision.
    """

    def __init__(
        self, plan: Plan, plain: PlainAblater, *, memory_bytes: int, precision: Precision = Precision.FLOAT32
    ) -> None:
        if precision is not Precision.FLOAT32:
            plan = plan.keeping(needed_values(plan))
        self.plan = plan
        self.plain = plain
        self.tail = Tail(plan)
        self.quick = None if precision is Precision.FLOAT32 else ChangeTail(plan, self.tail.constants, precision)
        self.resumed = Resumed(plan.program.recorded or plan.program, plain.site.name)
        self.sizes = Sizes(plan, memory_bytes, batch_size=plain.batch_size, device=self.tail.device)
        self.counts = Counts()

    @torch.inference_mode()
    def sweep(self, inputs: Tensor, ablations: Sequence[Ablation]) -> Iterator[Changed]:
        """Run every ablation on every image of a shard; see `precompute.ablation.ablations.Ablater`.

        `counts` says afterwards what was done, added to what earlier sweeps did.
        """
        self.counts.rows += len(inputs) * len(ablations)
        error, largest = self.compare(inputs, ablations)
        # No sample finds the largest error, and float32 keeps 24 bits.
        tolerance = 4 * max(error, largest * 2**-24)
        for changed in self._sweep(inputs, ablations, self.quick, tolerance):
            self.counts.changed += len(changed.rows)
            yield changed

    def _sweep(
        self, inputs: Tensor, ablations: Sequence[Ablation], quick: ChangeTail | None, tolerance: float | None
    ) -> Iterator[Changed]:
        for images in torch.arange(len(inputs)).split(self.sizes.images):
            base = self._base(inputs[images])
            run, size = self._runner(base, ablations, quick)
            for indices in blocks(ablations, self.plan.n_units, self.sizes.lanes(len(images))):
                block = run_block(self.plan, base, [ablations[index] for index in indices])
                for rows in Rows.changed(block).split(size):
                    logits = run(block, rows)
                    self._recheck(logits, base, rows, [ablations[index] for index in indices], tolerance)
                    for segment in rows.segments():
                        part = slice(segment.start, segment.stop)
                        yield Changed(indices[segment.ablation], images[rows.image[part].cpu()], logits[part])

    def _base(self, inputs: Tensor) -> dict[Node, Tensor]:
        """Return the unablated values that the plan keeps.

        Up to the layer the operations run as they do in the network, on the batches that the plain method would run
        them on, so that they round alike and an error can only come from what follows.
        """
        parts = [self._base_of_batch(batch) for batch in inputs.split(self.plain.batch_size)]
        return {node: self.tail.fit(torch.cat([part[node] for part in parts])) for node in self.plan.kept}

    def _base_of_batch(self, inputs: Tensor) -> dict[Node, Tensor]:
        plan = self.plan
        values = {plan.program.images: inputs.to(self.tail.device)}
        dead = last_uses([*plan.before, *plan.after], keep=plan.kept)
        for nodes, constants in ((plan.before, plan.program.constants), (plan.after, self.tail.constants)):
            values.update(constants)
            for node in nodes:
                values[node] = node.run(values.__getitem__)
                forget(values, dead[node])
        return values

    def _runner(
        self, base: dict[Node, Tensor], ablations: Sequence[Ablation], quick: ChangeTail | None
    ) -> tuple[Callable[[Block, Rows], Tensor], int]:
        """Return what computes the outputs of changed rows of a batch of images, and how many rows to give it."""
        size = self.sizes.rows
        if quick is None:
            return partial(self.tail.run, base), size
        tail = QuickTail(self.tail, quick, base, reach_of(self.tail, quick, base, ablations), size)
        # Of many rows, those that need float32 are enough for a good matrix product.
        return partial(tail.run, counts=self.counts), 8 * size

    @torch.inference_mode()
    def compare(self, inputs: Tensor, ablations: Sequence[Ablation]) -> tuple[float, float]:
        """Compute a few rows in float32 and by the plain method.

        Returns
        -------
        tuple of float
            The largest difference of an output between the two methods, and the largest output.
        """
        generator = torch.Generator().manual_seed(len(inputs))
        images = torch.randperm(len(inputs), generator=generator)[:4]
        sample = [ablations[index] for index in torch.randperm(len(ablations), generator=generator)[:2]]
        errors, largest = [0.0], [0.0]
        for changed in self._sweep(inputs[images], sample, None, tolerance=None):
            exact = self.plain.run(inputs[images[changed.rows]], sample[changed.ablation])
            errors.append((exact - changed.logits).abs().max().item())
            largest.append(exact.abs().max().item())
            self.counts.audited += len(changed.rows)
        self.counts.largest_error = max(self.counts.largest_error, *errors)
        return max(errors), max(largest)

    def _recheck(
        self,
        logits: Tensor,
        base: dict[Node, Tensor],
        rows: Rows,
        ablations: Sequence[Ablation],
        tolerance: float | None,
    ) -> None:
        """Let the plain method decide where the two highest outputs are closer than `tolerance`."""
        if tolerance is None:
            return
        close = too_close(logits, tolerance).nonzero().flatten()
        self.counts.rechecked += len(close)
        if len(close):
            doubtful, by_name = rows.take(close), {node.name: value for node, value in base.items()}
            for segment in doubtful.segments():
                part = slice(segment.start, segment.stop)
                exact = self.resumed.run(by_name, doubtful.image[part], ablations[segment.ablation])
                logits[close[part]] = exact
