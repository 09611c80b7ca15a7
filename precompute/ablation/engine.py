"""The engine: exact sweeps that recompute only what an ablation changes.

For a batch of images the network runs once. Ablations go in blocks through the operations that keep units apart, on
the ablated lanes alone (`precompute.ablation.block`). Rows that come out of it unchanged are done. The others, of
several ablations together, go through the rest of the network (`precompute.ablation.tail`), which begins with the
update of a linear operation by a few lanes. Where a row's two highest outputs are closer than rounding, the plain
method decides.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, Changed
from precompute.ablation.audit import Audit
from precompute.ablation.block import Block, blocks, run_block
from precompute.ablation.counts import Counts, total
from precompute.ablation.graph import Node, forget, last_uses
from precompute.ablation.memory import Sizes
from precompute.ablation.plain import PlainAblater
from precompute.ablation.plan import Plan
from precompute.ablation.precision import Precision
from precompute.ablation.quick import ChangeTail, QuickTail, needed_values, reach_of
from precompute.ablation.resume import Resumed
from precompute.ablation.tail import Rows, Tail, too_close

ROUNDING = 1e-4
"""Error of an output, relative to the largest, that float32 explains: it carries 6e-8, and deep networks multiply it by
a thousand."""


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
        audit = self._audit(inputs, ablations)
        error = self._error_in_float32(audit, inputs, ablations)
        self.counts.rows += len(inputs) * len(ablations)
        for changed in self._sweep(inputs, ablations, audit, Reach.of(error, audit.largest)):
            self.counts.changed += len(changed.rows)
            yield changed
        self.counts = total([self.counts, audit.counts(), Counts(largest_error=error)])

    @torch.inference_mode()
    def compare(self, inputs: Tensor, ablations: Sequence[Ablation]) -> tuple[float, float]:
        """Compute a few rows in float32 and by the plain method.

        Returns
        -------
        tuple of float
            The largest difference of an output between the two methods, and the largest output.
        """
        audit = self._audit(inputs, ablations)
        return self._error_in_float32(audit, inputs, ablations), audit.largest

    def _audit(self, inputs: Tensor, ablations: Sequence[Ablation]) -> Audit:
        return Audit.draw(self.plain, inputs, ablations, n_ablations=2 if self.quick is None else 4)

    def _error_in_float32(self, audit: Audit, inputs: Tensor, ablations: Sequence[Ablation]) -> float:
        alone, chosen = audit.by_itself(), [ablations[index] for index in audit.ablations]
        for _ in self._sweep(inputs[audit.images], chosen, alone, None):
            pass
        return alone.error

    def _sweep(
        self, inputs: Tensor, ablations: Sequence[Ablation], audit: Audit, reach: "Reach | None"
    ) -> Iterator[Changed]:
        """Sweep, and tell the audit what comes out; without a reach in float32, and nothing is computed again."""
        for images in torch.arange(len(inputs)).split(self.sizes.images):
            base = self._base(inputs[images])
            audit.note_unablated(images, base[self.plan.program.output])
            quick = None if reach is None else self._quick_tail(base, ablations)
            for indices in blocks(ablations, self.plan.n_units, self.sizes.lanes(len(images))):
                chosen = [ablations[index] for index in indices]
                for part in self.changed_by(base, chosen, quick, reach):
                    changed = replace(part, ablation=indices[part.ablation], rows=images[part.rows.cpu()])
                    audit.note(changed)
                    yield changed

    def changed_by(
        self, base: dict[Node, Tensor], ablations: Sequence[Ablation], quick: QuickTail | None, reach: "Reach | None"
    ) -> Iterator[Changed]:
        """Run some ablations on a batch of images.

        Parameters
        ----------
        base
            The values that the plan keeps, for these images.
        ablations
            Of equally many units each.
        quick
            What computes rows in reduced precision first; None for float32 alone.
        reach
            How close two outputs may be before the plain method decides; None for it never to be asked.

        Yields
        ------
        Changed
            Ablations and images are numbered as they are here; rows that change nothing do not come.
        """
        block = run_block(self.plan, base, ablations)
        # Of many rows, those that need float32 are enough for a good matrix product.
        for rows in Rows.changed(block).split(self.sizes.rows * (1 if quick is None else 8)):
            logits = self.tail.run(base, block, rows) if quick is None else quick.run(block, rows)
            at_first = logits.argmax(1) if block.no_op.any() else None
            if quick is not None:
                self.counts.in_float32 += quick.settle(logits, block, rows)
            if reach is not None:
                close = too_close(logits, reach.of_rows(block, rows)).nonzero().flatten()
                self._recheck(logits, close, base, ablations, rows)
            for segment in rows.segments():
                part = slice(segment.start, segment.stop)
                first = None if at_first is None else at_first[part]
                yield Changed(segment.ablation, rows.image[part], logits[part], first)

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

    def _quick_tail(self, base: dict[Node, Tensor], ablations: Sequence[Ablation]) -> QuickTail | None:
        if self.quick is None:
            return None
        real = [ablation for ablation in ablations if not ablation.is_no_op]
        return QuickTail(self.tail, self.quick, base, reach_of(self.tail, self.quick, base, real), self.sizes.rows)

    def _recheck(
        self, logits: Tensor, close: Tensor, base: dict[Node, Tensor], ablations: Sequence[Ablation], rows: Rows
    ) -> None:
        """Put the plain method's outputs in the place of those of some rows."""
        self.counts.rechecked += len(close)
        if len(close):
            doubtful, by_name = rows.take(close), {node.name: value for node, value in base.items()}
            for segment in doubtful.segments():
                part = slice(segment.start, segment.stop)
                exact = self.resumed.run(by_name, doubtful.image[part], ablations[segment.ablation])
                logits[close[part]] = exact


@dataclass(frozen=True)
class Reach:
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
    def of(cls, error: float, largest: float) -> "Reach":
        """Return it for the error measured and the largest output."""
        # No sample finds the largest error, and float32 keeps 24 bits.
        usual = 4 * max(error, largest * 2**-24)
        return cls(usual, min(usual, ROUNDING * largest))

    def of_rows(self, block: Block, rows: Rows) -> Tensor | float:
        """Return it for all rows of a block, or for each, (row, 1)."""
        if not block.no_op.any():
            return self.usual
        return torch.tensor([self.usual, self.no_op], device=rows.image.device)[
            block.no_op[rows.ablation].long()
        ].unsqueeze(1)
