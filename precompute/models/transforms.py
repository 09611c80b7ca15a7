"""Transforms for networks that do not name one, and any transform in words."""

# Before any torchvision.
import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import re
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import CenterCrop, Compose, Grayscale, Normalize, Resize, ToTensor
from torchvision.transforms._presets import ImageClassification

from precompute.errors import ModelError
from precompute.models.model import Transform

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_DEVIATION = (0.229, 0.224, 0.225)


def default_transform(network: nn.Module) -> Transform:
    """Return what most ImageNet networks use: resize 256, centre crop 224, ImageNet's mean and deviation.

    A network whose first convolution takes one channel gets the image in grey, with the mean and the deviation
    averaged over the three colours.

    Raises
    ------
    ModelError
        Where the first convolution takes neither one nor three channels.
    """
    n_channels = next((module.in_channels for module in network.modules() if isinstance(module, nn.Conv2d)), 3)
    frame = [Resize(256), CenterCrop(224)]
    if n_channels == 3:
        return Compose([*frame, ToTensor(), Normalize(IMAGENET_MEAN, IMAGENET_DEVIATION)])
    if n_channels == 1:
        mean, deviation = sum(IMAGENET_MEAN) / 3, sum(IMAGENET_DEVIATION) / 3
        return Compose([*frame, Grayscale(), ToTensor(), Normalize([mean], [deviation])])
    raise ModelError(
        f"The first convolution of the network takes {n_channels} channels, and there is no usual way to make these "
        "from a colour image. Let the function return (network, transform), or (network, transform, loader) for files "
        "that are not pictures."
    )


class AsLoaded:
    """The transform for a user's loader that comes without one: arrays and tensors pass, pictures get the usual one.

    Parameters
    ----------
    network
        The network that the usual transform is chosen for.
    """

    def __init__(self, network: nn.Module) -> None:
        self._network = network

    def __call__(self, loaded: Any) -> torch.Tensor:
        """Return tensors as they are, arrays of floating-point numbers as tensors."""
        if isinstance(loaded, Image.Image):
            if loaded.mode not in ("L", "RGB"):
                raise TypeError(f"a picture in mode {loaded.mode} needs a transform; without, RGB or L is expected")
            return default_transform(self._network)(loaded.convert("RGB"))
        if isinstance(loaded, np.ndarray) and np.issubdtype(loaded.dtype, np.floating):
            return torch.from_numpy(np.ascontiguousarray(loaded, dtype=np.float32))
        if not isinstance(loaded, torch.Tensor):
            numbers = f" of {loaded.dtype}" if isinstance(loaded, np.ndarray) else ""
            raise TypeError(
                f"without a transform the loader has to return floating-point numbers, but it gave a "
                f"{type(loaded).__name__}{numbers}"
            )
        return loaded

    def __repr__(self) -> str:
        return "none, what the loader returns is the input (a picture: resized and scaled as usual)"


def describe(transform: Any) -> str:
    """Put a transform into words: one line, the same in every run."""
    if isinstance(transform, Compose):
        return ", ".join(describe(step) for step in transform.transforms)
    match transform:
        case Resize(size=size):
            return f"resize {_numbers(size)}"
        case CenterCrop(size=size):
            return f"centre crop {_numbers(sorted(set(size)))}"
        case Grayscale():
            return "greyscale"
        case ToTensor():
            return "to 0 ... 1"
        case Normalize(mean=mean, std=deviation):
            return f"mean {_numbers(mean)}, deviation {_numbers(deviation)}"
        case ImageClassification(resize_size=size, crop_size=crop, interpolation=by, mean=mean, std=deviation):
            return (
                f"resize {_numbers(size)} ({by.value}), centre crop {_numbers(crop)}, to 0 ... 1, "
                f"mean {_numbers(mean)}, deviation {_numbers(deviation)}"
            )
    if hasattr(transform, "__name__"):
        return f"function {transform.__name__}"
    words = re.sub(r"\s+", " ", repr(transform))
    # Python's default repr ends in the object's address, which differs in every run.
    return type(transform).__name__ if " object at 0x" in words else words


def _numbers(values: Any) -> str:
    values = values if isinstance(values, (list, tuple)) or hasattr(values, "tolist") else [values]
    return " ".join(f"{float(value):.4g}" for value in values)
