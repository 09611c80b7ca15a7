"""The audit: a few rows of a sweep, drawn at random, are computed by the plain method too."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from zlib import crc32

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, Changed
from precompute.ablation.plain import PlainAblater
from precompute.ablation.sweep_stats import SweepStats
from precompute.ablation.ties import differs

_IMAGES = 4


@dataclass(frozen=True, eq=False)
class Audit:
    """Outputs of some rows of a sweep, by the plain method and as the sweep returns them.

    Parameters
    ----------
    ablations
        Indices into the sweep's ablations, ascending.
    images
        (image,): indices into the sweep's images, ascending.
    exact
        (ablation, image, output): the outputs by the plain method.
    found
        (ablation, image, output): the outputs of the sweep, filled in by `note_unablated` and `note`; NaN before.
    """

    ablations: tuple[int, ...]
    images: Tensor
    exact: Tensor
    found: Tensor

    @classmethod
    def draw(cls, plain: PlainAblater, inputs: Tensor, ablations: Sequence[Ablation], *, n_ablations: int) -> "Audit":
        """Draw rows and run the plain method on them; the same shard always gives the same rows."""
        # The seed is made of an image: every shard draws rows of its own, and the same ones when a run is resumed.
        generator = torch.Generator().manual_seed(crc32(inputs[:1].cpu().contiguous().numpy().tobytes()))
        images = torch.randperm(len(inputs), generator=generator)[:_IMAGES].sort().values
        candidates = [index for index, ablation in enumerate(ablations) if not ablation.is_no_op]
        drawn = torch.randperm(len(candidates), generator=generator)[:n_ablations].sort().values
        chosen = tuple(candidates[position] for position in drawn.tolist())
        sample = inputs[images.to(inputs.device)]
        exact = [plain.run(sample, ablations[index]) for index in chosen]
        outputs = torch.stack(exact) if exact else torch.zeros(0, len(images), 1)
        # NaN until noted: a row that the sweep forgets makes the error NaN, which no tolerance lets pass.
        return cls(chosen, images, outputs, torch.full_like(outputs, torch.nan))

    def by_itself(self) -> "Audit":
        """Return the same audit for a sweep of the audited rows alone."""
        n_ablations, n_images = self.found.shape[:2]
        return replace(
            self,
            ablations=tuple(range(n_ablations)),
            images=torch.arange(n_images),
            found=torch.full_like(self.found, torch.nan),
        )

    def note_unablated(self, images: Tensor, outputs: Tensor) -> None:
        """Note the unablated outputs, (image, output), of consecutive images."""
        # A sweep yields changed rows alone. The others have these outputs; `note` overwrites those of changed rows.
        inside = (self.images >= images[0]) & (self.images <= images[-1])
        if self.ablations:
            self.found[:, inside] = outputs[self.images[inside] - images[0]]

    def note(self, changed: Changed) -> None:
        """Note rows that a sweep yields."""
        if not self.ablations:
            return
        ablations = torch.tensor(self.ablations)
        rows = torch.isin(changed.ablation, ablations) & torch.isin(changed.image, self.images)
        # Both lists ascend, so a binary search finds the place of each row in `found`.
        at = torch.searchsorted(ablations, changed.ablation[rows]), torch.searchsorted(self.images, changed.image[rows])
        self.found[at] = changed.logits[rows.nonzero().flatten()]

    @property
    def error(self) -> float:
        """The largest difference of an output between the plain method and the sweep; 0 without audited rows."""
        return (self.exact - self.found).abs().amax().item() if self.ablations else 0.0

    @property
    def largest(self) -> float:
        """The plain method's largest output in absolute value; 0 without audited rows."""
        return self.exact.abs().amax().item() if self.ablations else 0.0

    @property
    def is_finite(self) -> bool:
        """Whether the plain method's outputs are finite; where they are not, the network is at fault."""
        return bool(torch.isfinite(self.exact).all())

    def counts(self) -> SweepStats:
        """Return what the audit of a finished sweep found."""
        if not self.ablations:
            return SweepStats()
        error = (self.exact.log_softmax(2) - self.found.log_softmax(2)).abs()
        return SweepStats(
            audited=self.exact[..., 0].numel(),
            differing=int(differs(self.exact, self.found.argmax(2)).sum()),
            largest_log_prob_error=error.max().item(),
            log_prob_error=error.mean().item(),
        )
