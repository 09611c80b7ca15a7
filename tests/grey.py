"""A network that is right on every picture: output k is largest for pictures of grey level 20 k."""

from pathlib import Path

from PIL import Image

NETWORK = """
import torch
from torch import nn
from torchvision import transforms


class Grey(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 4, 1, bias=False), nn.Linear(4, n)
        k = torch.arange(n).float()
        with torch.no_grad():
            self.conv.weight.fill_(1 / 3)
            self.fc.weight.copy_((2 * k * 255 / 20)[:, None].expand(-1, 4) / 4)
            self.fc.bias.copy_(-k * k)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))


def build():
    return Grey(OUTPUTS), transforms.ToTensor()
"""


def write_grey_network(folder: Path, n_outputs: int) -> str:
    """Write the network's file and return the MODEL that names it."""
    file = folder / "grey.py"
    file.write_text(NETWORK.replace("OUTPUTS", str(n_outputs)))
    return f"{file}:build"


def write_grey_image(path: Path, output: int) -> None:
    """Write a picture that the network gives an output."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8), (20 * output,) * 3).save(path)


def write_grey_images(root: Path, outputs: dict[str, int], per_class: int) -> Path:
    """Write pictures of some classes, each of the output that it is given."""
    for name, output in outputs.items():
        for image in range(per_class):
            write_grey_image(root / name / f"{image:03d}.png", output)
    return root
