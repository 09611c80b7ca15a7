"""A network together with all that is needed to use it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

Transform = Callable[[Any], torch.Tensor]


@dataclass(frozen=True)
class Model:
    """A network that is ready to run, and how images become its input.

    Parameters
    ----------
    spec
        The text that loads it again: ``resnet50``, ``timm:NAME``, ``hf:/absolute/folder`` or
        ``/absolute/path/file.py:function``.
    network
        The network in evaluation mode, on the device that it was made on.
    transform
        From a PIL image in RGB, or what the loader returns, to one input, (channel, height, width).
    transform_text
        What the transform does, for people.
    weights
        ``AlexNet_Weights.IMAGENET1K_V1`` or the like, the absolute path of a checkpoint, ``built in`` where the
        user's file brings them, ``none`` where they are random.
    notes
        Sentences that must be shown before the first result.
    loader
        From the path of a file to what the transform receives; None for files that are pictures.
    output_names
        What the network itself calls its outputs, in their order; empty where it does not say.
    files
        Files of the user's own from which modules were imported while the network was made.
    """

    spec: str
    network: nn.Module
    transform: Transform
    transform_text: str
    weights: str
    notes: tuple[str, ...] = ()
    loader: Callable[[str], Any] | None = None
    output_names: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
