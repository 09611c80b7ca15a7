"""A network without what it has learnt: the same parts, with the numbers of each weight tensor in random order."""

from collections.abc import Collection
from copy import deepcopy

import torch
from torch import nn


def with_shuffled_weights(network: nn.Module, *, seed: int = 0, only: Collection[str] | None = None) -> nn.Module:
    """Return a copy of a network in which the numbers of every weight and every running average are shuffled.

    So the network keeps the scale of its weights, whatever its layers are and however they would be initialised, and
    loses what it has learnt, which lies in the order of the numbers.

    Parameters
    ----------
    network
        The network; it is not changed.
    seed
        The same seed gives the same order.
    only
        Names of the parameters and buffers to shuffle; all by default.
    """
    copy = deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*copy.named_parameters(), *copy.named_buffers()):
            if (only is None or name in only) and tensor.is_floating_point() and tensor.numel() > 1:
                order = torch.randperm(tensor.numel(), generator=generator).to(tensor.device)
                tensor.copy_(tensor.flatten()[order].reshape(tensor.shape))
    return copy
