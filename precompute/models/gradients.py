"""A check that the gradient a network reports is the derivative of a layer's activations."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from precompute.errors import UnitscopeError
from precompute.models.autograd_graph import record
from precompute.models.error_causes import words_of
from precompute.models.forward import in_float64
from precompute.models.hooks import SiteOutput, out_of_place
from precompute.models.sites import Site

_DIRECTIONS = 4
_STEP = 1e-5
# Relative to the images' standard deviation; far more than a step.
_NOISE = 0.01
# Relative to the derivative. A step across the bend of a ReLU makes a far smaller difference.
_TOLERATED = 0.1


def no_gradient(network: nn.Module, site: Site, inputs: Tensor) -> str | None:
    """Say why no attribution of a layer's activations to the image can be right.

    Parameters
    ----------
    network
        A network in evaluation mode.
    site
        The layer.
    inputs
        (image, channel, height, width): a few images.

    Returns
    -------
    str or None
        A sentence where no gradient reaches the image from the layer, where the gradient is zero everywhere, or where
        finite differences in float64 show that it is not the derivative of the activations. None where it is, or where
        the network does not run in float64.
    """
    graph = record(network, site, inputs)
    if graph.failure is not None:
        return (
            f"No gradient reaches the image from {site.name}: where gradients are recorded, the network raises "
            f"{type(graph.failure).__name__} ({words_of(graph.failure)})."
        )
    if graph.output is None:
        return (
            f"No gradient reaches the image from {site.name}: what lies between runs under no_grad or inference_mode, "
            "or is detached."
        )
    try:
        with out_of_place(network):
            reported, true = _derivatives(SiteOutput(network, site), inputs)
    except (UnitscopeError, RuntimeError, TypeError, NotImplementedError):  # its own numbers may stay in float32
        return None
    if bool((reported == 0).all()):
        return f"The gradient of {site.name} to the image is zero everywhere: something between is rounded or compared."
    if float((reported - true).norm()) > _TOLERATED * float(max(true.norm(), reported.norm())):
        return (
            f"The gradient that the network reports for {site.name} is not the derivative of its activations: a branch "
            "before it is detached or runs under no_grad, or a function defines its own gradient."
        )
    return None


def uneven(images: Tensor) -> Tensor:
    """Return images with a little noise, always the same. In an even area a maximum is tied and has no derivative.

    Parameters
    ----------
    images
        (image, channel, height, width), on the CPU.
    """
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(1), dtype=images.dtype)
    return images + _NOISE * (float(images.std()) or 1.0) * noise


def _derivatives(until: SiteOutput, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the derivatives of a randomly weighted sum of the layer's activations in random directions.

    They are computed twice, by the network's gradient and by finite differences; each is (direction,).
    """
    run = in_float64(until, inputs)
    generator = torch.Generator().manual_seed(0)

    def random_like(tensor: Tensor) -> Tensor:
        return torch.randn(tensor.shape, generator=generator, dtype=torch.float64)

    start = uneven(inputs.detach().cpu().double())
    with torch.no_grad():
        weight = random_like(run(start))
    gradient = _gradient(run, start, weight)
    directions = [random_like(start) for _ in range(_DIRECTIONS)]

    def at(step: Tensor) -> Tensor:
        return (run(start + step).cpu() * weight).sum()

    with torch.no_grad():
        differences = [(at(_STEP * way) - at(-_STEP * way)) / (2 * _STEP) for way in directions]
    return torch.stack([(gradient * way).sum() for way in directions]), torch.stack(differences)


def _gradient(run: Callable[[Tensor], Tensor], start: Tensor, weight: Tensor) -> Tensor:
    with torch.enable_grad():
        inputs = start.clone().requires_grad_()
        (gradient,) = torch.autograd.grad((run(inputs).cpu() * weight).sum(), inputs)
    return gradient
