"""The no-op check: an ablation that changes nothing must change no prediction.

A unit is set to its own map and goes through everything that a silenced unit goes through, in the same batches: the
update of the first mixing operation, the rest of the network, the decision of close calls. Predictions that change all
the same are noise of the method itself, and the flips of real ablations must be read against this noise.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablater, Ablation, Changed
from precompute.ablation.ties import differs

_MOST = 8
_SHARE = 32


def no_ops(n_units: int) -> list[Ablation]:
    """Return no-ops of units spread evenly over a layer: one for every 32 units, at least 1 and at most 8."""
    n = min(_MOST, max(1, n_units // _SHARE))
    return [Ablation(((2 * i + 1) * n_units // (2 * n),), None) for i in range(n)]


@dataclass
class NoOpCheck:
    """A sweeper that adds no-ops to every sweep, and counts the predictions that they change.

    Parameters
    ----------
    ablater
        What sweeps.
    n_units
        Number of units of the layer.
    prediction
        (image,): the network's prediction for each image of the shard, with nothing ablated.
    rows
        How many rows were checked so far; a row is one image under one no-op.
    flips
        How many predictions of these rows changed, by more than rounding can explain.
    flips_at_first
        How many predictions differed before close calls were decided.
    """

    ablater: Ablater
    n_units: int
    prediction: Tensor
    rows: int = field(default=0, init=False)
    flips: int = field(default=0, init=False)
    flips_at_first: int = field(default=0, init=False)

    def sweep(self, inputs: Tensor, ablations: Sequence[Ablation], at_layer: Tensor | None = None) -> Iterator[Changed]:
        """Sweep the ablations and the no-ops together; yield the rows of the ablations. See `Sweeper`."""
        for changed in self.ablater.sweep(inputs, [*ablations, *no_ops(self.n_units)], at_layer):
            # Rows ascend by ablation, and the no-ops are last in the list.
            n_asked_for = int(torch.searchsorted(changed.ablation, len(ablations)))
            if n_asked_for:
                yield changed.part(slice(n_asked_for))
            if n_asked_for < len(changed):
                self._count(changed.part(slice(n_asked_for, None)))

    def _count(self, changed: Changed) -> None:
        expected, found = self.prediction[changed.image], changed.logits.argmax(1)
        at_first = found if changed.at_first is None else changed.at_first
        self.rows += len(expected)
        self.flips += int(differs(changed.logits, expected).sum())
        self.flips_at_first += int((at_first.cpu() != expected).sum())
