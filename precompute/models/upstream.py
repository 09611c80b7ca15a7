"""What the operations between the image and a site say about its units: kernel norms, kernels, guided gradients."""

from collections.abc import Callable
from contextlib import suppress

import numpy as np
import torch
from torch import nn

from precompute.models import operations as op
from precompute.models.autograd_graph import Freed, Graph, Value, record
from precompute.models.kernels import axis_before, constant_factor, kernel_norms, unit_factors
from precompute.models.sites import Site


def kernel_l1(network: nn.Module, site: Site, inputs: torch.Tensor) -> np.ndarray:
    """Return the L1 norm of the kernel that makes each unit of a site, where a single kernel does.

    The search goes back from the site's output through operations that keep units apart (ReLU and the like, pooling,
    dropout, padding, flattening that keeps the units, batch norm) to the first convolution or linear layer. There the
    absolute weights of the unit's kernel are summed. The sum is multiplied by the factor of each batch norm on the way,
    ``|gamma| / sqrt(running variance + eps)``, and by the absolute value of each constant factor on the way. In a
    depthwise convolution, each unit has one kernel.

    Parameters
    ----------
    network
        A network in evaluation mode.
    site
        The layer whose units to measure.
    inputs
        (image, channel, height, width), a real batch; two images are enough.

    Returns
    -------
    np.ndarray
        (unit,), float32, at least 0, in the units of the weights. NaN for all units where no single kernel makes them:
        after a sum or concatenation of branches, a product of tensors or any other operation that mixes units.

    References
    ----------
    Li et al. 2017, "Pruning filters for efficient ConvNets", section 3.1.
    """
    output = record(network, site, inputs).output
    norms = None
    with suppress(Freed):
        norms = None if output is None else _walk_to_kernel(output, site.unit_dimension % len(output.shape))
    return np.full(site.n_units, np.nan, np.float32) if norms is None else norms.float().numpy()


def first_kernel(network: nn.Module, site: Site, inputs: torch.Tensor) -> np.ndarray | None:
    """Return the kernels that make the units of a site directly from the picture.

    The search goes back as in :func:`kernel_l1`. Between the kernel and the picture there may be operations that keep
    the channels of the picture apart, such as a normalisation.

    Parameters
    ----------
    network
        A network in evaluation mode.
    site
        The layer whose kernels to return.
    inputs
        (image, channel, height, width), a real batch; two images are enough.

    Returns
    -------
    np.ndarray or None
        (unit, channel, height, width), float32, without the factors of batch norms. None where the units are made in
        another way, or from a picture that does not have three channels.
    """
    output, kernel = record(network, site, inputs).output, None
    with suppress(Freed):
        kernel = _back(output, site.unit_dimension, until=lambda value, axis: kernel_norms(value, axis) is not None)
    if kernel is None or kernel.operation != "Convolution" or kernel.saved("transposed"):
        return None
    weight = kernel.saved("weight").detach()
    picture = _back(kernel.parents[0], 1, until=lambda value, _: value.is_input)
    return weight.float().cpu().numpy() if picture is not None and weight.shape[1] == 3 else None


def unrectifiable(network: nn.Module, site: Site, inputs: torch.Tensor) -> str | None:
    """Say why guided backpropagation and deconvolution would be wrong at a site without any sign of it.

    Both replace the gradient of every ``nn.ReLU`` module and nothing else. With any other non-linearity on the way, the
    result is partly or wholly the plain gradient. A module that is called several times is an obstacle too, because its
    hooks cannot tell one call from another. Pooling, normalisation and rearrangement are no obstacles; an unknown
    operation is one.

    Parameters
    ----------
    network
        A network in evaluation mode.
    site
        The layer whose units the maps would show.
    inputs
        (image, channel, height, width), a real batch; two images are enough.

    Returns
    -------
    str or None
        A sentence that names the first obstacle on the way from the image to the site; None where there is none.
    """
    graph = record(network, site, inputs)
    if graph.output is None:
        return f"No gradient reaches the image from {site.name}."
    obstacles = (_obstacle(value, graph, network) for value in graph.operations())
    first = next(filter(None, obstacles), None)
    if first is None:
        return None
    return (
        f"Between the image and the output of {site.name} lies {first}, and only nn.ReLU modules that are called once "
        "can be given another gradient."
    )


def _walk_to_kernel(value: Value, axis: int) -> torch.Tensor | None:
    factors = torch.ones((), dtype=torch.float64)
    while True:
        norms = kernel_norms(value, axis)
        if norms is not None:
            return norms * factors
        step, before = unit_factors(value, axis), axis_before(value, axis)
        if step is None or before is None:
            return None
        factors = factors * step
        (value,), axis = value.parents, before


def _back(value: Value | None, axis: int | None, *, until: Callable[[Value, int], bool]) -> Value | None:
    """Go back through operations that keep units apart, to where `until` holds; None where another comes before."""
    while value is not None and axis is not None:
        axis %= len(value.shape)
        if until(value, axis):
            return value
        keeps = not value.is_input and unit_factors(value, axis) is not None
        value, axis = (value.parents[0], axis_before(value, axis)) if keeps else (None, None)
    return None


def _obstacle(value: Value, graph: Graph, network: nn.Module) -> str | None:
    path = graph.module_of(value)
    module = network.get_submodule(path)
    if value.operation == "Relu" and isinstance(module, nn.ReLU):
        n_calls = graph.count_calls(path)
        return f"{path}, which is called {n_calls} times" if n_calls > 1 else None
    if _passes_gradients(value):
        return None
    made_by_a_leaf = path and not any(module.children())
    culprit = type(module).__name__ if made_by_a_leaf else f"a functional {_readable(value.operation)}"
    return f"{culprit} in {path or 'the forward function of the network itself'}"


def _passes_gradients(value: Value) -> bool:
    if value.operation in op.SCALING:
        return constant_factor(value) is not None
    if value.operation in op.WEIGHTED_SUMS:
        return len(value.parents) == 1
    return value.operation in op.STRAIGHT


def _readable(operation: str) -> str:
    return {"Relu": "ReLU", "Hardtanh": "hardtanh", "Mul": "product of tensors"}.get(operation, operation)
