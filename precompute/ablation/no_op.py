"""The no-op check: an ablation that changes nothing must change no prediction.

A unit is set to its own map and goes through everything that a silenced unit goes through, in the same batches: the
update of the first mixing operation, the rest of the network, the re-checks. Predictions that change all the same
are the noise of the machinery, and whatever a real ablation does is to be read against it.
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
    """Return ablations that change nothing, of units spread evenly over a layer: one in 32, from 1 to 8."""
    n = min(_MOST, max(1, n_units // _SHARE))
    return [Ablation(((2 * i + 1) * n_units // (2 * n),), None) for i in range(n)]


@dataclass
class NoOpCheck:
    """A sweeper that adds the check to every sweep.

    Parameters
    ----------
    ablater
        What sweeps.
    n_units
        Units of the layer.
    prediction
        (image,): the network's prediction for each image of the shard, with nothing ablated.
    rows
        How many rows were checked so far, a row being one image under one no-op.
    flips
        How many of their predictions changed, by more than rounding exchanges.
    flips_at_first
        How many had changed before rows that were too close to call were computed again.
    """

    ablater: Ablater
    n_units: int
    prediction: Tensor
    rows: int = field(default=0, init=False)
    flips: int = field(default=0, init=False)
    flips_at_first: int = field(default=0, init=False)

    def sweep(self, inputs: Tensor, ablations: Sequence[Ablation], at_layer: Tensor | None = None) -> Iterator[Changed]:
        """Run the sweep that was asked for, and the no-ops with it; see `precompute.ablation.ablations.Sweeper`."""
        for changed in self.ablater.sweep(inputs, [*ablations, *no_ops(self.n_units)], at_layer):
            # Rows ascend by ablation, and the no-ops were put last.
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
