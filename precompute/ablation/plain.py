"""The plain method: overwrite the units by a hook and run the whole network again.

Every published tool does this, and it works with any network. The engine is checked against it.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from precompute.ablation.ablations import Ablation, Changed
from precompute.ablation.precision import Precision
from precompute.models.forward import logits
from precompute.models.hooks import edit
from precompute.models.sites import Site


class PlainAblater:
    """Sweeps by whole forward passes.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    site
        The layer whose units are silenced.
    batch_size
        Images in one forward pass.
    """

    def __init__(self, network: nn.Module, site: Site, *, batch_size: int) -> None:
        self.network = network
        self.site = site
        self.batch_size = batch_size

    @property
    def plain(self) -> "PlainAblater":
        """Itself."""
        return self

    @property
    def program(self) -> None:
        """None, because the plain method records no operations."""

    @property
    def needs_layer_alone(self) -> bool:
        """False, because the network runs from its beginning."""
        return False

    @property
    def memory_bytes(self) -> int:
        """0, because nothing is held beside one forward pass."""
        return 0

    @property
    def counts(self) -> None:
        """None, because every row is a whole pass."""

    def start_counting(self) -> None:
        """Do nothing, because there is nothing to count."""

    def sweep(self, inputs: Tensor, ablations: Sequence[Ablation], at_layer: Tensor | None = None) -> Iterator[Changed]:
        """Run every ablation on every image of a shard; see `precompute.ablation.ablations.Sweeper`.

        All images come back, changed or not. The network runs from its beginning even where `at_layer` is given.
        """
        for index, ablation in enumerate(ablations):
            for images in torch.arange(len(inputs)).split(self.batch_size):
                yield Changed(torch.full_like(images, index), images, self.run(inputs[images], ablation))

    @torch.no_grad()
    def run(self, inputs: Tensor, ablation: Ablation) -> Tensor:
        """Return the network's outputs, (image, output) in float32, under one ablation, in one forward pass."""
        with Precision.FLOAT32.matrix_products(), edit(self.network, self.site, ablation.apply):
            return logits(self.network, inputs)
