"""Checks of a network before it is run: it is refused where hooks, hashes or gradients cannot reach its parts."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from precompute.errors import ModelError
from precompute.words import first_few


def refuse_unready(network: nn.Module) -> None:
    """Refuse a network whose weights are not plain numbers, or whose layers cannot be hooked.

    Raises
    ------
    ModelError
        Where the whole is TorchScript, a module is quantised, or a parameter or buffer is sparse, quantised, complex,
        on the meta device or not yet initialised. The message names the modules or the parameters.
    """
    if isinstance(network, torch.jit.ScriptModule):
        raise ModelError(
            "The network is TorchScript: its layers run in compiled code, where nothing outside can see or silence "
            "them. Give the Python module that it was made from, with the same weights."
        )
    quantised = [path for path, module in network.named_modules() if "quantized" in type(module).__module__]
    if quantised:
        raise ModelError(
            f"The network is quantised in {first_few(quantised, 3)}: its numbers there are steps of a scale, and "
            "dynamic quantisation takes that scale from the whole batch. Give the network in floating point, as it was "
            "before."
        )
    for found, what in _REFUSED:
        named = [name for name, tensor in _tensors(network) if found(tensor)]
        if named:
            raise ModelError(f"The network's parameters {first_few(named, 3)} {what}")


def evaluating(network: nn.Module) -> nn.Module:
    """Put a network into evaluation mode and return the network, whatever its own `eval` or `train` returns.

    Raises
    ------
    ModelError
        Where its `eval` raises an error.
    """
    try:
        network.eval()  # a `train` that a person wrote may forget to return the network
    except Exception as error:
        raise ModelError(
            f"The network cannot be put into evaluation mode: its eval() raises {type(error).__name__}: {error} "
            "What torch.export makes refuses like this: give the Python module that it was made from, with the same "
            "weights."
        ) from error
    return network


def unseen_parts(network: nn.Module) -> tuple[str, ...]:
    """Return a sentence that names the parts of a network that are TorchScript; empty where none is."""
    paths = [path for path, module in network.named_modules() if isinstance(module, torch.jit.ScriptModule)]
    outermost = [path for path in paths if path.rpartition(".")[0] not in paths]
    if not outermost:
        return ()
    return (
        f"{first_few(outermost, 3)}: TorchScript, whose layers run in compiled code, so that neither it nor what is "
        "inside can be looked at; the layers around it can.",
    )


def _tensors(network: nn.Module) -> Iterable[tuple[str, Any]]:
    yield from network.named_parameters()
    yield from network.named_buffers()


def _is_sparse(tensor: torch.Tensor) -> bool:
    return tensor.layout is not torch.strided


_REFUSED: tuple[tuple[Callable[[Any], bool], str], ...] = (
    (
        is_lazy,
        "have no size yet, since no pass has been made. Run a batch through the network and load its weights in the "
        "function that returns it.",
    ),
    (
        lambda tensor: tensor.is_meta,
        "are on the meta device, without any numbers. Load the weights before you return the network.",
    ),
    (_is_sparse, "are sparse. Make them dense, with to_dense(), before you return the network."),
    (lambda tensor: tensor.is_quantized, "are quantised. Give the network in floating point."),
    (lambda tensor: tensor.is_complex(), "are complex numbers. Give the network with real numbers alone."),
)
