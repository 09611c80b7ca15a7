"""Receptive fields: where in the image the positions of a layer's map are, and how far each can see.

A map that is stretched over the whole image lies wrong by up to half a cell: in most networks a stride of 2 takes the
pixels 0, 2, 4 ..., so that all cells lie towards the top left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import nn

from precompute.models.autograd_graph import Value, record
from precompute.models.sites import Site


@dataclass(frozen=True)
class Axis:
    """Rows or columns of a map: cell i is centred on pixel `step` i + `start` of the input, counted from 0."""

    step: float
    start: float

    def windows(self, stride: float, first: float) -> "Axis":
        """Return the axis of a map whose cell i is centred on cell `stride` i + `first` of this one's."""
        return Axis(self.step * stride, self.start + self.step * first)


Found = TypeVar("Found")
Axes = tuple[Axis, Axis]
_IMAGE = (Axis(1.0, 0.0), Axis(1.0, 0.0))
_POOLS = {"AvgPool2D", "MaxPool2DWithIndices", "MkldnnMaxPool2D", "MaxPool2D"}


def receptive_field_centres(network: nn.Module, site: Site, inputs: torch.Tensor) -> Axes | None:
    """Find the centres of the receptive fields of a site's cells.

    Convolutions, pooling, slices, splits, another order of units and padding with constants are followed back to the
    image. Where branches meet, the first that brings a map of that size counts.

    Parameters
    ----------
    network
        A network in evaluation mode.
    site
        The layer.
    inputs
        (image, channel, height, width); two images are enough.

    Returns
    -------
    (Axis, Axis) or None
        Of rows and of columns; None where the site has no space, or something else on the way changes the size of maps
        or moves them.
    """
    return _followed(network, site, inputs, _axes)


@dataclass(frozen=True)
class Reach:
    """Rows or columns of the input that a map's cells depend on: cell i on `step` i + `first` to `step` i + `last`.

    Pixels are counted from 0, both ends are included, and they may lie beyond the image, where it is padded.
    """

    step: float
    first: float
    last: float

    def through(self, stride: float, before: float, after: float) -> "Reach":
        """Return the reach of cells that see those from `stride` i + `before` to `stride` i + `after` of this map."""
        return Reach(self.step * stride, self.first + self.step * before, self.last + self.step * after)

    def joined(self, other: "Reach") -> "Reach | None":
        """Return the reach of cells that depend on both; None where their steps differ."""
        if self.step != other.step:
            return None
        return Reach(self.step, min(self.first, other.first), max(self.last, other.last))

    def of(self, cell: int) -> tuple[float, float]:
        """Return the first and the last pixel that a cell depends on."""
        return self.step * cell + self.first, self.step * cell + self.last


Reaches = tuple[Reach, Reach]
_POINTWISE = {
    *("Relu", "Hardtanh", "Clamp", "ClampMin", "ClampMax", "LeakyRelu", "Elu", "PreluKernel", "Threshold", "Softplus"),
    *("Sigmoid", "Tanh", "Silu", "Gelu", "Mish", "Hardswish", "Hardsigmoid", "Exp", "Neg", "Abs", "Pow", "Sqrt"),
    *("Add", "Sub", "Mul", "Div", "NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "Clone", "Alias", "ToCopy"),
    *("Maximum", "Minimum"),
    # Where rows and columns keep their number, only units and images are laid out anew.
    *("View", "UnsafeView", "ReshapeAlias", "Expand", "Repeat", "ChannelShuffle", "NativeChannelShuffle"),
}
_SPLITS = {"Split", "UnsafeSplit", "SplitWithSizes", "UnsafeSplitWithSizes"}
_MOVES = {"Flip", "Roll", "Permute", "Transpose"}
_ALONG = {
    *("Cat", "Stack", "Unbind", "Select", "Unsqueeze", "Squeeze"),
    *("Mean", "Sum", "Amax", "Amin", "Max", "Min", "Softmax", "Glu"),
}


def receptive_fields(network: nn.Module, site: Site, inputs: torch.Tensor) -> Reaches | None:
    """Find which rows and columns of the input a site's cells can depend on, by how the network is built.

    Every branch counts, so a cell depends on nothing outside; weights of zero and units at rest may make it less. All
    units of a map have one reach, that of the unit that sees farthest.

    Parameters
    ----------
    network
        A network in evaluation mode.
    site
        The layer.
    inputs
        (image, channel, height, width); two images are enough.

    Returns
    -------
    (Reach, Reach) or None
        Of rows and of columns; None where the site has no space, or something on the way may look elsewhere: attention,
        a mean over the image, a norm over positions, or an operation that is not known here.
    """
    return _followed(network, site, inputs, _reaches)


def _followed(
    network: nn.Module,
    site: Site,
    inputs: torch.Tensor,
    step: Callable[[Value, dict[Value, Found | None]], Found | None],
) -> Found | None:
    """Find something of a site's map, operation by operation from the image on; None where the site has no space.

    `step` takes a value and what was found of those before it.
    """
    if not site.spatial_shape:
        return None
    graph = record(network, site, inputs)
    found: dict[Value, Found | None] = {}
    for value in graph.operations() if graph.output is not None else ():
        found[value] = step(value, found)
    return None if graph.output is None else found.get(graph.output)


def _reaches(value: Value, found: dict[Value, Reaches | None]) -> Reaches | None:
    if not value.parents or any(len(each.shape) < 4 for each in (value, *value.parents)):
        return None
    image: Reaches = (Reach(1.0, 0.0, 0.0), Reach(1.0, 0.0, 0.0))
    before = [image if parent.is_input else found.get(parent) for parent in value.parents]
    windows = _seen(value)
    if windows is not None and before[0] is not None:
        return before[0][0].through(*windows[0]), before[0][1].through(*windows[1])
    same_shape = all(parent.shape[-2:] == value.shape[-2:] for parent in value.parents)
    if not same_shape or not (value.operation in _POINTWISE or _is_of_units(value)):
        return None
    joined = before[0]
    for other in before[1:]:
        joined = None if joined is None or other is None else _both(joined, other)
    return joined


def _both(one: Reaches, other: Reaches) -> Reaches | None:
    down, across = one[0].joined(other[0]), one[1].joined(other[1])
    return None if down is None or across is None else (down, across)


def _is_of_units(value: Value) -> bool:
    """Say whether an operation works along dimensions that it names, and rows and columns, the last two, stay."""
    n_dims = len((value if value.operation in ("Stack", "Unsqueeze") else value.parents[0]).shape)
    along = [_signed(dim) % n_dims for dim in _named(value)]
    if value.operation == "Permute":
        return along[-2:] == [n_dims - 2, n_dims - 1]
    return value.operation in _ALONG | _SPLITS | _MOVES and bool(along) and max(along) < n_dims - 2


def _named(value: Value) -> Iterator[int]:
    """Give the dimensions that an operation names."""
    for name in ("dim", "dim0", "dim1", "dims"):
        dims = value.saved(name)
        yield from dims if isinstance(dims, tuple) else () if dims is None else (dims,)


def _seen(value: Value) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
    """Return for rows and columns the stride of an operation's windows, and their first and last cell; None else."""
    match value.operation:
        case "Convolution":
            weight = value.saved("weight")
            if value.saved("transposed") or weight is None or len(weight.shape) != 4:
                return None
            size, stride, dilation = weight.shape[2:], value.saved("stride"), value.saved("dilation")
        case operation if operation in _POOLS:
            size = value.saved("kernel_size")
            stride, dilation = value.saved("stride") or size, value.saved("dilation") or (1, 1)
        case "ConstantPadNd":
            above, aside = _padded(value)
            return (1.0, -above, -above), (1.0, -aside, -aside)
        case "Slice":
            (down_by, top), (across_by, left) = _sliced(value)
            return (down_by, top, top), (across_by, left, left)
        case operation if operation in _SPLITS:
            (_, top), (_, left) = _split(value)
            return (1.0, top, top), (1.0, left, left)
        case "AdaptiveAvgPool2D" | "AdaptiveMaxPool2D":
            return _shared_out(value)
        case _:
            return None
    padding = value.saved("padding")
    down, across = (
        (float(stride[axis]), -float(padding[axis]), float(dilation[axis] * (size[axis] - 1) - padding[axis]))
        for axis in (0, 1)
    )
    return down, across


def _shared_out(value: Value) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
    """Return the windows of adaptive pooling, where its cells share the map out evenly."""
    before, after = value.parents[0].shape[2:], value.shape[2:]
    if any(b % a for b, a in zip(before, after, strict=True)):
        return None
    down, across = ((b / a, 0.0, b / a - 1) for b, a in zip(before, after, strict=True))
    return down, across


def _padded(value: Value) -> tuple[float, float]:
    """Return how many cells are put above a map and to its left; below zero where as many are cut off."""
    sides = [*map(_signed, value.saved("pad")), 0, 0, 0]
    return float(sides[2]), float(sides[0])


def _sliced(value: Value) -> "_Windows":
    """Return the windows of a slice such as ``x[:, :, ::2, 1:]``: every so many cells, from one on."""
    start = _signed(value.saved("start") or 0)
    dim = _signed(value.saved("dim")) % len(value.shape)
    first, _, step = slice(start, None, int(value.saved("step"))).indices(value.parents[0].shape[dim])
    return _along(value, float(step), float(first))


def _split(value: Value) -> "_Windows":
    """Return the windows of one part of a split: the cells behind those of the parts before it."""
    size, sizes = value.saved("split_size"), value.saved("split_sizes")
    first = size * value.index if sizes is None else sum(sizes[: value.index])
    return _along(value, 1.0, float(first))


def _along(value: Value, step: float, first: float) -> "_Windows":
    """Return the windows of an operation that takes every so many cells along the dimension that it names."""
    dim, n_dims = _signed(value.saved("dim")) % len(value.shape), len(value.shape)
    whole, part = (1.0, 0.0), (step, first)
    return part if dim == n_dims - 2 else whole, part if dim == n_dims - 1 else whole


def _signed(number: int) -> int:
    """Return a number of autograd's record, which keeps those below zero as unsigned ones of 64 bits."""
    return int(number) - 2**64 if number >= 2**63 else int(number)


def _axes(value: Value, found: dict[Value, Axes | None]) -> Axes | None:
    parents = [parent for parent in value.parents if len(parent.shape) >= 4]
    if len(value.shape) < 4 or not parents:
        return None
    before = [_IMAGE if parent.is_input else found.get(parent) for parent in parents]
    match value.operation:
        case "Convolution":
            return _moved(before[0], _convolved(value))
        case operation if operation in _POOLS:
            return _moved(before[0], _pooled(value))
        case "AdaptiveAvgPool2D" | "AdaptiveMaxPool2D":
            return _moved(before[0], _divided(parents[0].shape[2:], value.shape[2:]))
        case "ConstantPadNd":
            above, aside = _padded(value)
            return _moved(before[0], ((1.0, -above), (1.0, -aside)))
        case "Slice":
            return _moved(before[0], _sliced(value))
        case operation if operation in _SPLITS:
            return _moved(before[0], _split(value))
        case "Index" | "IndexSelect":
            return None
        case operation if operation in _MOVES and not _is_of_units(value):
            return None
    return next(
        (axes for axes, parent in zip(before, parents, strict=True) if parent.shape[-2:] == value.shape[-2:]), None
    )


_Windows = tuple[tuple[float, float], tuple[float, float]]


def _moved(axes: Axes | None, windows: _Windows | None) -> Axes | None:
    if axes is None or windows is None:
        return None
    return axes[0].windows(*windows[0]), axes[1].windows(*windows[1])


def _convolved(value: Value) -> _Windows | None:
    weight = value.saved("weight")
    if value.saved("transposed") or weight is None or len(weight.shape) != 4:
        return None
    return _windows(weight.shape[2:], value.saved("stride"), value.saved("padding"), value.saved("dilation"))


def _pooled(value: Value) -> _Windows:
    size = value.saved("kernel_size")
    return _windows(size, value.saved("stride") or size, value.saved("padding"), value.saved("dilation") or (1, 1))


def _windows(
    size: tuple[int, ...], stride: tuple[int, ...], padding: tuple[int, ...], dilation: tuple[int, ...]
) -> _Windows:
    down, across = ((float(stride[axis]), dilation[axis] * (size[axis] - 1) / 2 - padding[axis]) for axis in (0, 1))
    return down, across


def _divided(before: tuple[int, ...], after: tuple[int, ...]) -> _Windows:
    down, across = ((b / a, (b / a - 1) / 2) for b, a in zip(before, after, strict=True))
    return down, across


def stretched(shape: tuple[int, ...], size: tuple[int, int]) -> Axes:
    """Return the axes of a map that is stretched over an image: where nothing better is known.

    Parameters
    ----------
    shape
        Height and width of the map.
    size
        Height and width of the image.
    """
    (down, across) = _divided(size, shape or (1, 1))
    return Axis(*down), Axis(*across)
