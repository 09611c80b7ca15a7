"""A network's weights, sorted by a layer: the weights that it depends on, its own among them, and all others."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from precompute.models.calls import watched_calls
from precompute.models.forward import copy_for
from precompute.models.hooks import SiteOutput
from precompute.models.sites import Site


@dataclass(frozen=True)
class Weights:
    """Names of parameters and of floating-point buffers.

    Parameters
    ----------
    own
        Those of the last module before the layer's output that has a matrix or kernel, which mixes units, and those of
        the modules between it and the output, such as batch normalisation.
    before
        All weights that the layer's output depends on, `own` among them.
    after
        All other weights.
    """

    own: frozenset[str]
    before: frozenset[str]
    after: frozenset[str]


def weights_by_place(network: nn.Module, site: Site, inputs: Tensor) -> Weights:
    """Find the weights that a layer's output depends on: those that its gradient reaches.

    Buffers go with the parameters of their module. Those of a module without parameters count if it is called.

    Parameters
    ----------
    network
        A network in evaluation mode. Whether its parameters require gradients is restored.
    site
        The layer.
    inputs
        (image, channel, height, width); only the first image is used.
    """
    started: list[str] = []
    reached = _reached(network, site, inputs, started)
    place = {path: number for number, path in reversed(list(enumerate(started)))}
    before: dict[str, int] = {}
    mixing = -1
    for path, module in network.named_modules():
        own = [_joined(path, name) for name, _ in module.named_parameters(recurse=False)]
        used = [name for name in own if name in reached]
        if used or (not own and path in place):
            at = _place(path, place)
            buffers = (name for name, held in module.named_buffers(recurse=False) if held.is_floating_point())
            before |= dict.fromkeys([*used, *(_joined(path, name) for name in buffers)], at)
            if any(reached[name] > 1 for name in used):
                mixing = max(mixing, at)
    tensors = (*network.named_parameters(), *network.named_buffers())
    every = {name for name, tensor in tensors if tensor.is_floating_point()}
    last = frozenset(name for name, at in before.items() if at >= mixing)
    return Weights(last, frozenset(before), frozenset(every - set(before)))


def _reached(network: nn.Module, site: Site, inputs: Tensor, started: list[str]) -> dict[str, int]:
    """Return the parameters that a gradient reaches, each with its number of dimensions; add calls to `started`."""
    named = {name: held for name, held in network.named_parameters() if held.is_floating_point()}
    paths = [path for path, _ in network.named_modules()]
    watched = watched_calls(network, paths, lambda *_: None, on_start=lambda path, _: started.append(path))
    with _trainable(list(named.values())), torch.enable_grad(), watched:
        output = SiteOutput(network, site)(copy_for(network, inputs[:1]))
        if not output.requires_grad:
            return {}
        gradients = torch.autograd.grad(output.sum(), list(named.values()), allow_unused=True)
    return {name: named[name].ndim for name, found in zip(named, gradients, strict=True) if found is not None}


@contextmanager
def _trainable(parameters: list[nn.Parameter]) -> Iterator[None]:
    frozen = [parameter for parameter in parameters if not parameter.requires_grad]
    try:
        for parameter in frozen:
            parameter.requires_grad_(True)
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)


def _place(path: str, place: dict[str, int]) -> int:
    """Return when a module was called. One whose weights are used without a call counts as the module around it."""
    while path and path not in place:
        path = path.rpartition(".")[0]
    return place.get(path, 0)


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
