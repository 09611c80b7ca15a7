"""The embedded example's network: shaped like AlexNet, small enough to be trained on the spot.

Five convolutions and two fully connected layers, named as torchvision names AlexNet's: ``features.8`` and
``features.10`` are the last two convolutional layers, after their ReLU. The names are the same with batch
normalisation and without dropout.
"""

# Before any torchvision.
import precompute.models.torchvision_ops  # noqa: F401

# isort: split
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import cast

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torchvision.transforms import Compose, Normalize, Resize, ToTensor

from precompute.images.decoding import open_picture
from precompute.images.demo import DEMO_CLASSES
from precompute.images.folder import list_images
from precompute.models.random_weights import seeded

LAST_LAYERS = ("features.8", "features.10")
"""The last two convolutional layers, after their ReLU."""

SHIPPED_WEIGHTS = Path(__file__).with_name("demo-network.pt")
"""Weights of the plain network as it was trained once from the seed 0, so that the demo is the same everywhere."""
SHIPPED_SEED = 0

_SIDE = 96  # pixels
_MEAN, _DEVIATION = 0.5, 0.25
_UNITS = (32, 32, 48, 48, 48)  # of the five convolutions
_POOLED = 3  # side of the maps that the fully connected layers see
_HIDDEN = 96  # units of the first fully connected layer

_EPOCHS = 14
_BATCH = 16  # small, because within a minute of training the number of steps is the limit
_RATE = 2e-3
_DECAY = 1e-3
_SHIFT = 6  # pixels, the farthest that a training image is moved

demo_transform = Compose([Resize([_SIDE, _SIDE]), ToTensor(), Normalize([_MEAN] * 3, [_DEVIATION] * 3)])
"""PIL image in RGB -> (3, 96, 96) float32 tensor, -2 to 2."""


class DemoNetwork(nn.Module):
    """A small AlexNet for images of 96 by 96 pixels.

    Parameters
    ----------
    n_outputs : int
        Number of classes.
    batch_norm : bool
        Whether each convolution is followed by batch normalisation.
    dropout : bool
        Whether half of the hidden fully connected units are left out, by chance, in training.
    """

    def __init__(self, n_outputs: int, *, batch_norm: bool = False, dropout: bool = True) -> None:
        super().__init__()
        a, b, c, d, e = _UNITS
        self.features = nn.Sequential(
            _convolution(3, a, batch_norm=batch_norm, size=7, stride=4),
            nn.ReLU(),
            _convolution(a, b, batch_norm=batch_norm),
            nn.ReLU(),
            nn.MaxPool2d(2),
            _convolution(b, c, batch_norm=batch_norm),
            nn.ReLU(),
            _convolution(c, d, batch_norm=batch_norm),
            nn.ReLU(),
            _convolution(d, e, batch_norm=batch_norm),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(_POOLED)
        self.classifier = nn.Sequential(
            nn.Linear(e * _POOLED**2, _HIDDEN),
            nn.ReLU(),
            nn.Dropout(0.5 if dropout else 0.0),
            nn.Linear(_HIDDEN, n_outputs),
        )

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the (image, class) logits of (image, 3, 96, 96) images."""
        return self.classifier(torch.flatten(self.avgpool(self.features(images)), 1))


def _convolution(inputs: int, units: int, *, batch_norm: bool, size: int = 3, stride: int = 1) -> nn.Module:
    convolution = nn.Conv2d(inputs, units, size, stride=stride, padding=size // 2)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    nn.init.zeros_(cast(torch.Tensor, convolution.bias))
    # As one module, so that the layers after it keep their numbers.
    return nn.Sequential(convolution, nn.BatchNorm2d(units)) if batch_norm else convolution


def build_demo_network(*, seed: int = 0, batch_norm: bool = False, dropout: bool = True) -> DemoNetwork:
    """Build the untrained network, in evaluation mode.

    Parameters
    ----------
    seed : int
        Decides the first weights.
    batch_norm, dropout : bool
        The variant; see `DemoNetwork`.
    """
    with seeded(seed):
        return DemoNetwork(len(DEMO_CLASSES), batch_norm=batch_norm, dropout=dropout).eval()


def build() -> tuple[nn.Module, Compose]:
    """Return the untrained network and its transform; the demo's store names this function as its model."""
    return build_demo_network(), demo_transform


def build_batch_norm() -> tuple[nn.Module, Compose]:
    """Return the untrained variant with batch normalisation, and its transform."""
    return build_demo_network(batch_norm=True), demo_transform


def build_no_dropout() -> tuple[nn.Module, Compose]:
    """Return the untrained variant without dropout, and its transform."""
    return build_demo_network(dropout=False), demo_transform


def save_weights(network: nn.Module, path: Path) -> None:
    """Write the parameters of a network as plain tensors by name."""
    torch.save(network.state_dict(), path)


@dataclass(frozen=True)
class TrainingResult:
    """The result of training.

    Attributes
    ----------
    network : DemoNetwork
        Trained, in evaluation mode, on the CPU.
    validation_accuracy : float
        Share of the validation images whose class is the network's top-1 prediction, 0 to 1.
    seconds : float
        How long training took, with reading the images.
    """

    network: DemoNetwork
    validation_accuracy: float
    seconds: float


def train_demo_network(
    train_root: Path,
    val_root: Path,
    *,
    seed: int = 0,
    batch_norm: bool = False,
    dropout: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> TrainingResult:
    """Train a variant of the network on the demo's images, on the CPU.

    The same seed and images give the same weights on the same machine. The state of torch's own generator and its
    number of threads are left as they were.

    Parameters
    ----------
    train_root, val_root : Path
        Folders with one sub-folder of images for each of `DEMO_CLASSES`.
    seed : int
        Decides the first weights, the order of the images and dropout.
    batch_norm, dropout : bool
        The variant; see `DemoNetwork`.
    progress : callable, optional
        Called with the number of training steps done and the number to do.

    Raises
    ------
    ImageFolderError
        If a folder is missing or holds no images.
    """
    started = monotonic()
    network = build_demo_network(seed=seed, batch_norm=batch_norm, dropout=dropout)
    with _reproducible(seed):
        _train(network, *_read(train_root), progress or (lambda done, total: None))
        accuracy = _accuracy(network, *_read(val_root))
    return TrainingResult(network, accuracy, monotonic() - started)


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """Start torch's generator from a seed, and use one thread.

    The last bits of sums depend on the number of threads. One thread is also the fastest where other work runs on the
    machine: batches are so small that two threads spend most of their time waiting for each other.
    """
    threads = torch.get_num_threads()
    with seeded(seed):
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _read(root: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the images below a folder, (image, 3, 96, 96) uint8, and their classes, (image,) int64."""
    listed = list_images(root)
    pictures = np.stack([np.asarray(open_picture(root / path)) for path in listed.paths])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(listed.labels).long()


def _normalised(pictures: torch.Tensor) -> torch.Tensor:
    """Normalise uint8 pictures as `demo_transform` does, channels last, which trains a third faster."""
    return ((pictures.float() / 255 - _MEAN) / _DEVIATION).contiguous(memory_format=torch.channels_last)


def _train(
    network: DemoNetwork, pictures: torch.Tensor, labels: torch.Tensor, progress: Callable[[int, int], None]
) -> None:
    network.train()
    _lay_out(network, torch.channels_last)
    order = _batches(len(pictures))
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=_DECAY, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, _RATE, total_steps=len(order))
    for done, batch in enumerate(order):
        progress(done, len(order))
        loss = cross_entropy(network(_normalised(_moved(pictures[batch]))), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    progress(len(order), len(order))
    network.eval()
    _lay_out(network, torch.contiguous_format)


def _lay_out(network: nn.Module, memory_format: torch.memory_format) -> None:
    for parameter in network.parameters():
        if parameter.ndim == 4:
            parameter.data = parameter.data.contiguous(memory_format=memory_format)


def _batches(n_images: int) -> list[torch.Tensor]:
    """Return the image indices of every training step: all images in a new random order in each epoch."""
    return [batch for _ in range(_EPOCHS) for batch in torch.randperm(n_images).split(_BATCH)]


def _moved(pictures: torch.Tensor) -> torch.Tensor:
    """Mirror each picture or not, by chance, and shift all by one random offset, wrapping around at the edges."""
    mirrored = torch.rand(len(pictures), 1, 1, 1) < 0.5
    down, right = torch.randint(-_SHIFT, _SHIFT + 1, (2,)).tolist()
    return torch.where(mirrored, pictures.flip(3), pictures).roll((down, right), (2, 3))


@torch.inference_mode()
def _accuracy(network: DemoNetwork, pictures: torch.Tensor, labels: torch.Tensor) -> float:
    right = sum(
        int((network(_normalised(some)).argmax(1) == truth).sum())
        for some, truth in zip(pictures.split(64), labels.split(64), strict=True)
    )
    return right / len(labels)
