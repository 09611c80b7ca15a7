"""What is measured, and on what."""

import precompute.models.torchvision_ops  # noqa: F401

# isort: split
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import get_model

from precompute.ablation.precision import Precision
from precompute.models.demo import build_demo_network


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Parameters
    ----------
    network
        A torchvision name, or "demo".
    layer
        The layer's path.
    goal
        How many times faster than the plain method it should be; None where that is only reported.
    images, units
        How many are swept. Costs are per row, so that fewer units than there are change nothing but the noise.
    precision
        What changed rows are computed in.
    """

    network: str
    layer: str
    goal: int | None
    images: int
    units: int
    precision: Precision = Precision.FLOAT32

    @property
    def size(self) -> int:
        """Side of the images, in pixels."""
        return 96 if self.network == "demo" else 224


CASES = (
    Case("alexnet", "features.11", 25, images=128, units=256),
    Case("alexnet", "features.11", 80, images=128, units=256, precision=Precision.BFLOAT16),
    Case("vgg16", "features.29", 400, images=32, units=512),
    Case("resnet50", "layer4", 15_000, images=256, units=2048),
    Case("resnet18", "layer3", 6, images=32, units=32),
    Case("resnet18", "layer3", None, images=32, units=32, precision=Precision.BFLOAT16),
    Case("resnet18", "layer2", 3, images=32, units=16),
    Case("resnet18", "layer2", None, images=32, units=16, precision=Precision.BFLOAT16),
    Case("mobilenet_v2", "features.17", 60, images=64, units=320),
    *(Case("demo", f"features.{i}", None, images=128, units=32) for i in (1, 3, 6, 8, 10)),
)


def pictures(n: int, size: int) -> Tensor:
    """Draw random images of large patches of colour under some noise, (image, 3, size, size)."""
    generator = torch.Generator().manual_seed(0)
    patches = F.interpolate(torch.randn(n, 3, 4, 4, generator=generator), size=size, mode="bilinear")
    return 2 * patches + torch.randn(n, 3, size, size, generator=generator) / 2


@torch.no_grad()
def build(name: str, images: Tensor) -> nn.Module:
    """Build a network with random weights whose outputs have mean 0 and deviation 3, as a trained network's have.

    Untouched, random networks say the same of every image, and margins are smaller than rounding.
    """
    torch.manual_seed(0)
    network = build_demo_network() if name == "demo" else get_model(name, weights=None).eval()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.bias.fill_(1.0)
        norm.train()
    network(images)
    network.eval()
    last = [module for module in network.modules() if isinstance(module, nn.Linear)][-1]
    outputs = network(images)
    last.weight.mul_((3 / outputs.std(0)).unsqueeze(1))
    last.bias.mul_(3 / outputs.std(0))
    last.bias.sub_(network(images).mean(0))
    return network
