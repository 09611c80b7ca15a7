"""Follow the dimensions of the images through every operation of a forward pass.

While a forward pass runs, every tensor that depends on the images is marked with its `Dimensions`, as soon as an
operation has made it. Nothing is traced, so functional calls and decisions at run time are followed too. After an
operation without a rule, nothing is known of the dimensions of its result.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from precompute.models import dimensions as d
from precompute.models.calls import watched_calls
from precompute.models.dimension_rules import rule_for
from precompute.models.dimensions import Dimensions
from precompute.models.forward import run
from precompute.models.operation import Operation, mark, tensors_in

OnCall = Callable[[str, int, nn.Module, tuple[Any, ...], Any], None]


def track_dimensions(network: nn.Module, inputs: Tensor, on_call: OnCall) -> None:
    """Run a network on a batch of images and follow their dimensions.

    Parameters
    ----------
    network
        A network in evaluation mode.
    inputs
        (image, channel, height, width).
    on_call
        Called after every call of every module but the root, with the module's path, the number of the call, the
        module, its positional arguments and its output. `dimensions_of` gives what the output's dimensions hold.
    """
    images = inputs.detach()
    _mark_images(images)
    modules = {path: module for path, module in network.named_modules() if path}
    given: dict[str, list[tuple[Any, ...]]] = {path: [] for path in modules}

    def on_start(path: str, inputs: tuple[Any, ...]) -> None:
        given[path].append(inputs)

    def look(path: str, call: int, output: Any) -> None:
        on_call(path, call, modules[path], given[path].pop(), output)

    with torch.no_grad(), watched_calls(network, modules, look, on_start=on_start), DimensionTracking():  # type: ignore[no-untyped-call]  # torch's mode
        run(network, images)


class DimensionTracking(TorchDispatchMode):
    """A mode in which the results of operations on marked tensors are marked too."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Carry out an operation and mark what it returns."""
        kwargs = kwargs or {}
        call = Operation(func, args, kwargs)
        result = func(*args, **kwargs)
        if call.followed:
            for tensor, dimensions in zip(tensors_in(result), _results(call, result), strict=False):
                mark(tensor, dimensions)
        return result


def _results(call: Operation, result: Any) -> list[Dimensions]:
    """Return the dimensions of the tensors that the operation returned."""
    outputs = list(tensors_in(result))
    rule = rule_for(call)
    try:
        found = list(rule(call, outputs)) if rule else []
    except (LookupError, TypeError, ValueError):  # the operation is used in a way that the rule does not expect
        found = []
    # From the first output on that a rule leaves out, or gives a wrong shape, nothing is known.
    for i, output in enumerate(outputs):
        if i >= len(found) or tuple(map(d.size_of, found[i])) != tuple(output.shape):
            found[i:] = [call.nothing(each) for each in outputs[i:]]
            break
    return found


def _mark_images(inputs: Tensor) -> None:
    """Say that a tensor is the images: (image, channel, height, width), or (image, unit)."""
    middle = [d.one_factor(d.UNIT, size) for size in inputs.shape[1:2]]
    space = inputs.shape[2:]
    found = [d.one_factor(d.IMAGE, len(inputs)), *middle]
    if len(space) == 2:
        found += [(d.of_picture(role, size),) for role, size in zip((d.ROW, d.COLUMN), space, strict=True)]
    else:
        found += [d.one_factor(d.ANY, size) for size in space]
    mark(inputs, tuple(found))
