"""What a network answers with units silenced, by a hook and a whole pass of its own; nothing here asks the product."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def pictures(n: int, size: int) -> Tensor:
    """Draw random images of large patches of colour under some noise, (image, 3, size, size)."""
    generator = torch.Generator().manual_seed(0)
    patches = F.interpolate(torch.randn(n, 3, 4, 4, generator=generator), size=size, mode="bilinear")
    return 2 * patches + torch.randn(n, 3, size, size, generator=generator) / 2


@torch.no_grad()
def wake(network: nn.Module, images: Tensor, n_outputs: int) -> None:
    """Make silencing a unit matter: a network as it is made says much the same of every image.

    Batch norms take the statistics of the images, branches that begin as good as absent count by a half, and the last
    layer is scaled so that outputs differ between images by about one.
    """
    for name, parameter in network.named_parameters():
        if parameter.numel() and parameter.abs().max() < 0.1 and ("gamma" in name or "layer_scale" in name):
            parameter.fill_(0.5)
    _give_statistics(network, images)
    last = _last_layer(network, n_outputs)
    if not last.weight.any():
        nn.init.normal_(last.weight, generator=torch.Generator().manual_seed(0))
    scale = 1 / network(images).std(0).clamp_min(1e-3)
    last.weight.mul_(scale.view(-1, *(1 for _ in last.weight.shape[1:])))
    if last.bias is not None:
        last.bias.mul_(scale)
        last.bias.sub_(network(images).mean(0))


def _give_statistics(network: nn.Module, images: Tensor) -> None:
    norms: list[Any] = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
        if norm.affine:
            norm.bias.fill_(0.5)
            if not norm.weight.any():
                norm.weight.fill_(1.0)
    network(images)
    network.eval()


def _last_layer(network: nn.Module, n_outputs: int) -> Any:
    layers: list[Any] = [module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return [layer for layer in layers if layer.weight.shape[0] == n_outputs][-1]


@torch.no_grad()
def outputs_with(network: nn.Module, images: Tensor, layer: str, change: Callable[[Tensor], Tensor]) -> Tensor:
    """Run a network on images with the output of one call of a module replaced by a change of it.

    Parameters
    ----------
    layer
        The module's path, behind it ``#2`` for its second call.
    change
        Gets a copy of the output.
    """
    path, _, call = layer.partition("#")
    calls = 0

    def hook(_module: nn.Module, _given: Any, output: Tensor) -> Tensor | None:
        nonlocal calls
        calls += 1
        return change(output.clone()) if calls == int(call or 1) else None

    handle = network.get_submodule(path).register_forward_hook(hook)
    try:
        return network(images.clone())
    finally:
        handle.remove()


@torch.no_grad()
def outputs_of(network: nn.Module, images: Tensor, layers: list[str]) -> tuple[dict[str, Tensor], Tensor]:
    """Run a network once and return the outputs of some calls of modules, by layer, and the network's own."""
    seen: dict[str, Tensor] = {}
    calls: Counter[str] = Counter()

    def hook_of(path: str) -> Any:
        def hook(_module: nn.Module, _given: Any, output: Tensor) -> None:
            calls[path] += 1
            name = path if calls[path] == 1 else f"{path}#{calls[path]}"
            if name in layers:
                seen[name] = output.clone()

        return hook

    with ExitStack() as hooks:
        for path in {layer.partition("#")[0] for layer in layers}:
            hooks.callback(network.get_submodule(path).register_forward_hook(hook_of(path)).remove)
        outputs = network(images.clone())
    return seen, outputs


def silenced(output: Tensor, dimension: int, units: list[int], values: Tensor | None = None) -> Tensor:
    """Return a module's output with units set to zero, or to values (unit, ...) that broadcast over their positions.

    Parameters
    ----------
    dimension
        The units', from 0.
    values
        (unit, position) where tokens have values of their own, (unit, 1) where all positions have one.
    """
    new = output.movedim(dimension, 1).clone()
    flat = new.reshape(*new.shape[:2], -1)
    flat[:, units] = 0.0 if values is None else values
    return flat.reshape(new.shape).movedim(1, dimension)
