"""Receptive fields: where in the image the positions of a layer's map are, and which pixels each can depend on.

Stretching a map over the whole image misplaces it by up to half a cell: in most networks a stride of 2 takes the pixels
0, 2, 4 ..., so that all cells lie towards the top left.
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

    The way from the image is followed through convolutions, pooling, slices, splits, reordering of units and padding
    with constants. Where branches meet, the first branch with a map of the same size counts.

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
        The axes of rows and of columns. None where the site has no spatial dimensions, or where another operation on
        the way resizes or moves maps.
    """
    return _followed(network, site, inputs, _axes)


@dataclass(frozen=True)
class ReceptiveField:
    """The input rows or columns that a map's cells depend on: cell i on `step` i + `first` to `step` i + `last`.

    Pixels are counted from 0 and both ends are included. They may lie outside the image, where it is padded.
    """

    step: float
    first: float
    last: float

    def through(self, stride: float, before: float, after: float) -> "ReceptiveField":
        """Return the field of a map whose cell i sees cells `stride` i + `before` to `stride` i + `after` of this."""
        return ReceptiveField(self.step * stride, self.first + self.step * before, self.last + self.step * after)

    def joined(self, other: "ReceptiveField") -> "ReceptiveField | None":
        """Return the field of cells that depend on this map and on another; None if the steps differ."""
        if self.step != other.step:
            return None
        return ReceptiveField(self.step, min(self.first, other.first), max(self.last, other.last))

    def of(self, cell: int) -> tuple[float, float]:
        """Return the first and the last pixel that the cell with this index depends on."""
        return self.step * cell + self.first, self.step * cell + self.last


ReceptiveFields = tuple[ReceptiveField, ReceptiveField]
_POINTWISE = {
    *("Relu", "Hardtanh", "Clamp", "ClampMin", "ClampMax", "LeakyRelu", "Elu", "PreluKernel", "Threshold", "Softplus"),
    *("Sigmoid", "Tanh", "Silu", "Gelu", "Mish", "Hardswish", "Hardsigmoid", "Exp", "Neg", "Abs", "Pow", "Sqrt"),
    *("Add", "Sub", "Mul", "Div", "NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm", "Clone", "Alias", "ToCopy"),
    *("Maximum", "Minimum"),
    # Reached only where the numbers of rows and columns stay: then only units and images are rearranged.
    *("View", "UnsafeView", "ReshapeAlias", "Expand", "Repeat", "ChannelShuffle", "NativeChannelShuffle"),
}
_SPLITS = {"Split", "UnsafeSplit", "SplitWithSizes", "UnsafeSplitWithSizes"}
_MOVES = {"Flip", "Roll", "Permute", "Transpose"}
_ALONG = {
    *("Cat", "Stack", "Unbind", "Select", "Unsqueeze", "Squeeze"),
    *("Mean", "Sum", "Amax", "Amin", "Max", "Min", "Softmax", "Glu"),
}


def receptive_fields(network: nn.Module, site: Site, inputs: torch.Tensor) -> ReceptiveFields | None:
    """Find which rows and columns of the input a site's cells can depend on, from the network's operations.

    Every branch counts, so a cell depends on nothing outside its field; where weights or activations are zero it may
    depend on less. All units of a map share one field, the widest of any unit.

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
    (ReceptiveField, ReceptiveField) or None
        The fields along rows and along columns. None if the site has no spatial dimensions, or if an operation on the
        way may use other positions: attention, a mean over the image, a norm over positions, or an operation that is
        not known here.
    """
    return _followed(network, site, inputs, _fields)


def _followed(
    network: nn.Module,
    site: Site,
    inputs: torch.Tensor,
    step: Callable[[Value, dict[Value, Found | None]], Found | None],
) -> Found | None:
    """Work out a property of a site's map, operation by operation from the image on.

    None where the site has no spatial dimensions. `step` takes a value and the properties of all values before it.
    """
    if not site.spatial_shape:
        return None
    graph = record(network, site, inputs)
    found: dict[Value, Found | None] = {}
    for value in graph.operations() if graph.output is not None else ():
        found[value] = step(value, found)
    return None if graph.output is None else found.get(graph.output)


def _fields(value: Value, found: dict[Value, ReceptiveFields | None]) -> ReceptiveFields | None:
    if not value.parents or any(len(each.shape) < 4 for each in (value, *value.parents)):
        return None
    image: ReceptiveFields = (ReceptiveField(1.0, 0.0, 0.0), ReceptiveField(1.0, 0.0, 0.0))
    before = [image if parent.is_input else found.get(parent) for parent in value.parents]
    windows = _seen(value)
    # A convolution or pooling widens the field. Anything else must leave every cell where it is; then the field is that
    # of all arguments together.
    if windows is not None and before[0] is not None:
        return before[0][0].through(*windows[0]), before[0][1].through(*windows[1])
    same_shape = all(parent.shape[-2:] == value.shape[-2:] for parent in value.parents)
    if not same_shape or not (value.operation in _POINTWISE or _is_of_units(value)):
        return None
    joined = before[0]
    for other in before[1:]:
        joined = None if joined is None or other is None else _both(joined, other)
    return joined


def _both(one: ReceptiveFields, other: ReceptiveFields) -> ReceptiveFields | None:
    down, across = one[0].joined(other[0]), one[1].joined(other[1])
    return None if down is None or across is None else (down, across)


def _is_of_units(value: Value) -> bool:
    """Say whether an operation works along dimensions that it names and leaves rows and columns in place."""
    n_dims = len((value if value.operation in ("Stack", "Unsqueeze") else value.parents[0]).shape)
    along = [_signed(dim) % n_dims for dim in _named(value)]
    if value.operation == "Permute":
        return along[-2:] == [n_dims - 2, n_dims - 1]
    return value.operation in _ALONG | _SPLITS | _MOVES and bool(along) and max(along) < n_dims - 2


def _named(value: Value) -> Iterator[int]:
    """Yield the dimensions that an operation names."""
    for name in ("dim", "dim0", "dim1", "dims"):
        dims = value.saved(name)
        yield from dims if isinstance(dims, tuple) else () if dims is None else (dims,)


def _seen(value: Value) -> tuple[tuple[float, float, float], tuple[float, float, float]] | None:
    """Return (stride, first cell, last cell) of an operation's windows, for rows and for columns, or None."""
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
    """Return the windows of adaptive pooling; None where they do not divide the map evenly."""
    before, after = value.parents[0].shape[2:], value.shape[2:]
    if any(b % a for b, a in zip(before, after, strict=True)):
        return None
    down, across = ((b / a, 0.0, b / a - 1) for b, a in zip(before, after, strict=True))
    return down, across


def _padded(value: Value) -> tuple[float, float]:
    """Return how many cells are added above a map and to its left; negative where cells are cut off."""
    sides = [*map(_signed, value.saved("pad")), 0, 0, 0]
    return float(sides[2]), float(sides[0])


def _sliced(value: Value) -> "_Windows":
    """Return the windows of a slice such as ``x[:, :, ::2, 1:]``: its step and its first cell on each axis."""
    start = _signed(value.saved("start") or 0)
    dim = _signed(value.saved("dim")) % len(value.shape)
    first, _, step = slice(start, None, int(value.saved("step"))).indices(value.parents[0].shape[dim])
    return _along(value, float(step), float(first))


def _split(value: Value) -> "_Windows":
    """Return the windows of one part of a split, which begins where the parts before it end."""
    size, sizes = value.saved("split_size"), value.saved("split_sizes")
    first = size * value.index if sizes is None else sum(sizes[: value.index])
    return _along(value, 1.0, float(first))


def _along(value: Value, step: float, first: float) -> "_Windows":
    """Return the windows of an operation that takes every `step`-th cell from `first` along the dimension it names."""
    dim, n_dims = _signed(value.saved("dim")) % len(value.shape), len(value.shape)
    whole, part = (1.0, 0.0), (step, first)
    return part if dim == n_dims - 2 else whole, part if dim == n_dims - 1 else whole


def _signed(number: int) -> int:
    """Return a number of autograd's record as it was; autograd keeps negative numbers as unsigned 64-bit ones."""
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


def _divided(before: tuple[float, ...], after: tuple[int, ...]) -> _Windows:
    down, across = ((b / a, (b / a - 1) / 2) for b, a in zip(before, after, strict=True))
    return down, across


def stretched(site: Site, size: tuple[int, int]) -> Axes:
    """Return the axes of a map that is stretched over its part of the image, if its true place is not known.

    Parameters
    ----------
    site
        The layer.
    size
        Height and width of the image.
    """
    top, left, bottom, right = site.part or (0.0, 0.0, 1.0, 1.0)
    there = (size[0] * (bottom - top), size[1] * (right - left))
    (down, across) = _divided(there, site.spatial_shape or (1, 1))
    return Axis(down[0], down[1] + size[0] * top), Axis(across[0], across[1] + size[1] * left)
