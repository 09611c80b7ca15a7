"""Run a network on a batch, whatever its precision and device."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.func import functional_call

from precompute.errors import ModelError, UnitscopeError
from precompute.models.failure_causes import refusal


class Enough(BaseException):
    """Ends a forward pass once all that was wanted has been seen. Not an Exception, since a network may catch those."""


def input_dtype(network: nn.Module) -> torch.dtype:
    """Return the floating-point type that `network` expects its input in.

    It is the type of the first floating-point parameter (or buffer); float32 where there is none.
    """
    return _first_tensor(network).dtype


def copy_for(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Return a copy of `inputs` in the precision and on the device of `network`; gradients flow back through it.

    It is always a copy, because some networks change their input in place and a batch is often run more than once.
    """
    return inputs.to(_first_tensor(network, default=inputs), copy=True)


def run(network: nn.Module, inputs: torch.Tensor) -> Any:
    """Run `network` on a batch in the network's precision, on its device, and return the network's output.

    Raises
    ------
    ModelError
        Where the network raises an error on this batch, or ends the program.
    """
    raised: list[BaseException] = []
    try:
        with step_by_step(), raised_in_threads(raised):
            return network(copy_for(network, inputs))
    except (UnitscopeError, torch.OutOfMemoryError, KeyboardInterrupt, Enough):
        raise
    except BaseException as error:  # a user's forward function may even call sys.exit
        # A failure in a thread came first: the network goes on without what the thread should have made.
        raise ModelError(refusal(network, inputs, next(iter(raised), error))) from error


def in_float64(network: nn.Module, inputs: torch.Tensor) -> Callable[[torch.Tensor], Any]:
    """Return a function that runs a network on a batch in float64; the network's own parameters are not changed.

    Parameters
    ----------
    network
        The network.
    inputs
        A batch on the device that the network takes batches from.

    Returns
    -------
    callable
        Takes a batch and returns the network's output, both in float64, on the CPU where the device has no float64. It
        raises the network's own error where some numbers of the network stay in another precision.
    """
    device = copy_for(network, inputs[:1]).device
    device = torch.device("cpu") if device.type == "mps" else device
    held = _held_tensors(network)
    copies = {
        id(t): t.to(device, torch.float64 if t.is_floating_point() else t.dtype, copy=True) for t in held.values()
    }
    state = {name: copies[id(t)] for name, t in held.items()}

    def passed(batch: torch.Tensor) -> Any:
        # Torch's own way with tied weights would leave the copies in a module that has two names.
        return functional_call(network, state, (batch.to(device, torch.float64, copy=True),), tie_weights=False)

    return passed


def _held_tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return the parameters and buffers of every module by one name for each place that holds one."""
    return {
        f"{path}.{name}" if path else name: tensor
        for path, module in network.named_modules()
        for name, tensor in [
            *module.named_parameters(recurse=False, remove_duplicate=False),
            *module.named_buffers(recurse=False, remove_duplicate=False),
        ]
    }


@contextmanager
def step_by_step() -> Iterator[None]:
    """Let ``nn.MultiheadAttention`` compute by its single operations inside the block.

    Whether it takes its fused path depends on gradients and hooks. The fused path rounds differently, and cannot be
    recorded for an arbitrary number of images.
    """
    before = torch.backends.mha.get_fastpath_enabled()
    try:
        torch.backends.mha.set_fastpath_enabled(False)
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def raised_in_threads(raised: list[BaseException]) -> Iterator[None]:
    """Keep what threads of the network's own raise inside the block, which Python would print."""
    before = threading.excepthook

    def keep(of: threading.ExceptHookArgs) -> None:
        if of.exc_value is not None:
            raised.append(of.exc_value)

    threading.excepthook = keep
    try:
        yield
    finally:
        threading.excepthook = before


def logits(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """Run a classifier on a batch and return its outputs in float32.

    Parameters
    ----------
    network
        A classifier in evaluation mode, in any floating-point precision, on any device.
    inputs
        (image, channel, height, width), in any precision, on any device.

    Returns
    -------
    torch.Tensor
        (image, output), float32, on the network's device.

    Raises
    ------
    ModelError
        Where the network fails on the batch, or does not return one (image, output) tensor.
    """
    output = run(network, inputs)
    if not isinstance(output, torch.Tensor) or output.ndim != 2 or len(output) != len(inputs) or output.is_complex():
        raise ModelError(
            f"The network must return one tensor of shape (images, outputs), here ({len(inputs)}, outputs), but it "
            f"returned {_describe(output, len(inputs))}. Wrap it in a module that returns the class scores alone."
        )
    # A network that works in threads of its own records gradients there: whether to is a matter of each thread.
    return output.float() if torch.is_grad_enabled() else output.detach().float()


def _first_tensor(network: nn.Module, default: torch.Tensor | None = None) -> torch.Tensor:
    for tensor in (*network.parameters(), *network.buffers()):
        if tensor.is_floating_point():
            return tensor
    return torch.empty(0, dtype=torch.float32) if default is None else default


def _describe(output: object, n_images: int) -> str:
    if isinstance(output, torch.Tensor):
        if output.shape == (n_images,) and n_images > 1:
            if not output.is_floating_point():
                return "one whole number for each image, the number of a class perhaps: leave out the arg-max"
            return "one number for each image, as binary networks do: make of it two scores, (0, the number)"
        kind = "of complex numbers and " if output.is_complex() else ""
        return f"a tensor {kind}of shape {tuple(output.shape)}"
    return f"an object of type {type(output).__name__}"
