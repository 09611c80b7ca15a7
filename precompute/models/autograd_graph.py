"""The operations between an image and a site, read from autograd's record of one forward pass.

Nothing is traced or compiled, so the record also holds functional calls, and the branches that a network takes at run
time. The parameters are frozen meanwhile, so that the record holds only operations on tensors that depend on the image.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from precompute.errors import LayerError, ModelError
from precompute.models.calls import watched_calls
from precompute.models.forward import copy_for, run
from precompute.models.sites import Site

_sequence_number = torch.autograd._get_sequence_nr  # type: ignore[attr-defined]  # numbers autograd's nodes


class Freed(Exception):
    """What an operation kept for its gradient is gone."""


@dataclass(frozen=True)
class Value:
    """A tensor that depends on the image, known by the operation that made it.

    Parameters
    ----------
    node
        Autograd's node of that operation.
    index
        Which of the operation's outputs this is.
    end
        The tensor at which the record ends. It is kept alive here because PyTorch 2.11 frees a function defined in
        Python together with its output.
    """

    node: Any
    index: int = 0
    end: torch.Tensor | None = field(default=None, repr=False, compare=False)

    @property
    def operation(self) -> str:
        """Autograd's name of the operation, such as ``Relu`` or ``Convolution``.

        A function that was defined in Python keeps its whole name, so that it cannot be mistaken for one of torch's
        own.
        """
        return re.sub(r"Backward\d+$", "", self.node.name().removeprefix("torch::autograd::"))

    @property
    def is_input(self) -> bool:
        """Whether this is the image itself."""
        return self.operation == "AccumulateGrad"

    @property
    def shape(self) -> tuple[int, ...]:
        """The tensor's shape."""
        return tuple(self.node._input_metadata[self.index].shape)

    @property
    def parents(self) -> tuple["Value", ...]:
        """Those arguments of the operation that depend on the image."""
        followed = [(node, index) for node, index in self.node.next_functions if node is not None]
        return tuple(Value(node, index, self.end) for node, index in followed)

    def saved(self, name: str) -> Any:
        """Return the argument that the operation kept under `name`; None where it kept none of that name.

        Raises
        ------
        Freed
            Where it is kept no more: the network itself has computed a gradient by it.
        """
        try:
            return getattr(self.node, f"_saved_{name}", None)
        except RuntimeError as error:
            raise Freed from error


@dataclass(frozen=True)
class Call:
    """One call of a module: every operation with a number in [start, stop) happened inside it."""

    path: str
    start: int
    stop: int


@dataclass(frozen=True)
class Graph:
    """The record of one forward pass.

    Parameters
    ----------
    output
        The site's output; None where autograd has no path from it to the image.
    calls
        Every call of every module, the root included; inner calls come before the call that contains them.
    failure
        What the network raised where gradients were recorded, though it runs without; None where it ran.
    """

    output: Value | None
    calls: tuple[Call, ...]
    failure: BaseException | None = None

    def operations(self) -> tuple[Value, ...]:
        """All tensors between the image and the site, in the order in which they were computed.

        Of an operation with several outputs, such as a split, only the outputs that lead to the site are listed.
        """
        found: dict[Value, None] = {}
        waiting = [self.output] if self.output else []
        while waiting:
            value = waiting.pop()
            if value not in found and not value.is_input:
                found[value] = None
                waiting.extend(value.parents)
        return tuple(sorted(found, key=lambda value: (value.node._sequence_nr(), value.index)))

    def module_of(self, value: Value) -> str:
        """Return the path of the innermost module in whose call `value` was made."""
        number = value.node._sequence_nr()
        return next((call.path for call in self.calls if call.start <= number < call.stop), "")

    def count_calls(self, path: str) -> int:
        """Return how often the module at `path` was called in the whole forward pass."""
        return sum(call.path == path for call in self.calls)


def record(network: nn.Module, site: Site, inputs: torch.Tensor) -> Graph:
    """Run `network` once and return the record of how it made the output of `site`.

    Parameters
    ----------
    network
        A network in evaluation mode. Whether its parameters require gradients is restored.
    site
        The layer at which the record ends.
    inputs
        (image, channel, height, width); only the first and the last image are used.
    """
    calls: list[Call] = []
    started: list[int] = []
    ends: list[Value | None] = []

    def on_start(_path: str, _inputs: Any) -> None:
        started.append(_sequence_number())

    def on_call(path: str, call: int, output: Any) -> None:
        calls.append(Call(path, started.pop(), _sequence_number()))
        if (path, call) == (site.path, site.call):
            # Taken now, because later in-place operations rewrite the record of this very tensor.
            ends.append(Value(output.grad_fn, output.output_nr, output) if output.grad_fn is not None else None)

    paths = [path for path, _ in network.named_modules()]
    with _frozen(network), torch.enable_grad(), watched_calls(network, paths, on_call, on_start=on_start):
        try:
            run(network, _two_images(network, inputs))
        except ModelError as error:
            # Some networks, such as those that use inference_mode, run only without gradients. Any other failure raises
            # here again.
            with torch.no_grad():
                run(network, inputs[[0, -1]])
            return Graph(None, (), error.__cause__)
    if not ends:
        raise LayerError(f"A forward pass on these images does not reach {site.name}.")
    return Graph(ends[0], tuple(calls))


def _two_images(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    # Two images, so that a factor that differs between images is not taken for a constant.
    return copy_for(network, inputs[[0, -1]]).detach().requires_grad_()


@contextmanager
def _frozen(network: nn.Module) -> Iterator[None]:
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    try:
        for parameter in trainable:
            parameter.requires_grad_(False)
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
