"""The part of its argument that each operation uses, and how to run the operation on that part alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from precompute.ablation.graph import Node, ValueOf, is_pointwise
from precompute.stages.first_convolution import convolve

aten = torch.ops.aten
Constants = Mapping[Node, Any]


@dataclass(frozen=True)
class KernelAxis:
    """The positions of its argument that an operation uses along one axis.

    Position i of its result comes from positions `stride` i - `padding` to `stride` i - `padding` + `extent` of its
    argument.
    """

    stride: int = 1
    padding: int = 0
    extent: int = 0


@dataclass(frozen=True)
class Span:
    """Rows or columns of a map that belong to position i of the layer: `step` i + `low` to `step` i + `high`."""

    step: int
    low: int
    high: int

    def __len__(self) -> int:
        return self.high - self.low + 1

    def before(self, axis: KernelAxis) -> "Span":
        """Return the span of an operation's argument that this span of its result comes from."""
        low, high = (edge * axis.stride - axis.padding for edge in (self.low, self.high))
        return Span(self.step * axis.stride, low, high + axis.extent)

    def joined(self, other: "Span") -> "Span":
        """Return the smallest span of the same step that contains both."""
        return Span(self.step, min(self.low, other.low), max(self.high, other.high))


@dataclass(frozen=True)
class Windowed:
    """An operation on windows.

    Parameters
    ----------
    axes
        What it uses along rows, and along columns.
    fill
        The value that lies beyond the edges of the argument's map.
    run
        Returns the result, given a function that returns the window of an argument, or a constant.
    passes_nothing_of_nothing
        Whether a zero gradient of the result gives the argument a zero gradient, even where the argument is infinite.
    """

    axes: tuple[KernelAxis, KernelAxis]
    fill: float
    run: Callable[[ValueOf], Tensor]
    passes_nothing_of_nothing: bool = True

    def needs_fill(self, source: tuple[int, ...], result: tuple[int, ...]) -> bool:
        """Say whether it matters what lies beyond the edges of the argument's map.

        It does not where no position inside the result's map uses it. What lies beyond the edges of the result's map is
        filled in turn, by the operation that uses the result.

        Parameters
        ----------
        source, result
            Shapes of the argument and of the result, (unit, height, width).
        """
        looks_beside = any(
            axis.padding > 0 or axis.stride * (there - 1) - axis.padding + axis.extent >= size
            for axis, size, there in zip(self.axes, source[1:], result[1:], strict=True)
        )
        return looks_beside or not self.passes_nothing_of_nothing


def windowed(node: Node, constants: Constants) -> Windowed | None:
    """Return how an operation works on windows; None where it needs whole maps or is not known here."""
    if len(node.shape) != 3:
        return None
    rule = _RULES.get(node.op, _each_position if is_pointwise(node) else None)
    return None if rule is None else rule(node, constants)


def _each_position(node: Node, constants: Constants) -> Windowed | None:
    for used in node.inputs:
        value = constants.get(used)
        has_space = isinstance(value, Tensor) and max((1, *value.shape[-2:])) > 1 and value.dim() > 2
        if has_space or (value is None and len(used.shape) != 3):
            return None
    return Windowed((KernelAxis(), KernelAxis()), 0.0, node.run, node.op in _PASS_NOTHING_OF_NOTHING)


def _normalise(node: Node, _constants: Constants) -> Windowed:
    return Windowed((KernelAxis(), KernelAxis()), 0.0, node.run)


def _concatenate(node: Node, _constants: Constants) -> Windowed | None:
    parts, axis = node.args
    return _normalise(node, {}) if axis in (1, -3) and all(part.batched for part in parts) else None


def _convolve(node: Node, constants: Constants) -> Windowed | None:
    source, weight, bias, stride, padding, dilation, groups = node.args
    if weight not in constants:
        return None
    extent = _extent(dilation, constants[weight].shape[2:])
    if isinstance(padding, str):
        padding = [size // 2 for size in extent] if padding == "same" else [0, 0]

    def run(value_of: ValueOf) -> Tensor:
        offset = None if bias is None else value_of(bias)
        return convolve(value_of(source), value_of(weight), offset, stride, [0, 0], dilation, groups)

    return Windowed(_kernel_axes(stride, padding, extent), 0.0, run)


def _largest(node: Node, _constants: Constants) -> Windowed:
    source, kernel, stride, padding, dilation = node.args[:5]
    stride = stride or kernel

    def run(value_of: ValueOf) -> Tensor:
        return F.max_pool2d(value_of(source), kernel, stride, 0, dilation)

    return Windowed(_kernel_axes(stride, padding, _extent(dilation, _pair(kernel))), -torch.inf, run)


def _average(node: Node, _constants: Constants) -> Windowed | None:
    source, kernel, stride, padding, ceil, counts_padding, divisor = node.args
    # At the border such a mean is over fewer positions, so a window cannot give it.
    if ceil or divisor is not None or (any(padding) and not counts_padding):
        return None
    stride = stride or kernel

    def run(value_of: ValueOf) -> Tensor:
        return F.avg_pool2d(value_of(source), kernel, stride)

    return Windowed(_kernel_axes(stride, padding, _extent((1, 1), _pair(kernel))), 0.0, run)


def _pad(node: Node, _constants: Constants) -> Windowed | None:
    source, pads, *how = node.args
    sides: list[int] = [*pads, 0, 0]
    mode = how[0] if node.op is aten.pad.default else "constant"
    if mode != "constant" or any(sides[4:]):
        return None
    axes = KernelAxis(padding=sides[2]), KernelAxis(padding=sides[0])
    return Windowed(axes, float(how[-1] or 0), lambda value_of: value_of(source))


def _kernel_axes(stride: Any, padding: Any, extent: Any) -> tuple[KernelAxis, KernelAxis]:
    down, across = (KernelAxis(*axis) for axis in zip(_pair(stride), _pair(padding), extent, strict=True))
    return down, across


def _extent(dilation: Any, kernel: Any) -> list[int]:
    return [gap * (size - 1) for gap, size in zip(_pair(dilation), kernel, strict=True)]


def _pair(value: Any) -> list[int]:
    values = list(value) if isinstance(value, list | tuple) else [value]
    return values * 2 if len(values) == 1 else values


# The gradients of other operations are products with a value, and zero times infinity is NaN.
_PASS_NOTHING_OF_NOTHING: tuple[Any, ...] = (aten.relu.default, aten.hardtanh.default, aten.add.Tensor)
_RULES: dict[Any, Callable[[Node, Constants], Windowed | None]] = {
    aten.conv2d.default: _convolve,
    aten.conv2d.padding: _convolve,
    aten.max_pool2d.default: _largest,
    aten.avg_pool2d.default: _average,
    aten.batch_norm.default: _normalise,
    aten.cat.default: _concatenate,
    aten.constant_pad_nd.default: _pad,
    aten.pad.default: _pad,
}
