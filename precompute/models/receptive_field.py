"""Receptive fields: where in the image the positions of a layer's map are.

A map that is stretched over the whole image lies wrong by up to half a cell: in most networks a stride of 2 takes the
pixels 0, 2, 4 ..., so that all cells lie towards the top left.
"""

from dataclasses import dataclass

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


Axes = tuple[Axis, Axis]
_IMAGE = (Axis(1.0, 0.0), Axis(1.0, 0.0))
_POOLS = {"AvgPool2D", "MaxPool2DWithIndices", "MkldnnMaxPool2D", "MaxPool2D"}


def receptive_field_centres(network: nn.Module, site: Site, inputs: torch.Tensor) -> Axes | None:
    """Find the centres of the receptive fields of a site's cells.

    Convolutions, pooling and padding with constants are followed back to the image. Where branches meet, the first
    that brings a map of that size counts.

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
    if not site.spatial_shape:
        return None
    graph = record(network, site, inputs)
    if graph.output is None:
        return None
    found: dict[Value, Axes | None] = {}
    for value in graph.operations():
        found[value] = _axes(value, found)
    return found.get(graph.output)


def _axes(value: Value, found: dict[Value, Axes | None]) -> Axes | None:
    parents = [parent for parent in value.parents if len(parent.shape) == 4]
    if len(value.shape) != 4 or not parents:
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
            sides = [*value.saved("pad"), 0, 0, 0]
            return _moved(before[0], ((1.0, -sides[2]), (1.0, -sides[0])))
        case "Slice" | "Flip" | "Roll" | "Index" | "IndexSelect" | "Permute" | "Transpose":
            return None
    return next(
        (axes for axes, parent in zip(before, parents, strict=True) if parent.shape[2:] == value.shape[2:]), None
    )


_Windows = tuple[tuple[float, float], tuple[float, float]]


def _moved(axes: Axes | None, windows: _Windows | None) -> Axes | None:
    if axes is None or windows is None:
        return None
    return axes[0].windows(*windows[0]), axes[1].windows(*windows[1])


def _convolved(value: Value) -> _Windows | None:
    weight = value.saved("weight")
    if value.saved("transposed") or weight is None:
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
