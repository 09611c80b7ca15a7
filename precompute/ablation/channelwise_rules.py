"""Rules for the operations that keep each unit in lanes of its own.

As long as the operations after a layer treat every channel by itself, silencing a unit changes only a few positions on
one dimension of each value. These positions are the unit's **lanes**. A value restricted to them is **narrow**.

For one kind of operation, a rule says which lanes a unit has after the operation and on which dimension, and computes
the narrow result from the narrow argument. An operation without a rule is computed on whole values.

In a narrow value the lanes of several ablations stand side by side on one dimension. Where that is dimension 1, the
shape is (image, ablation * unit * lane, ...). So a rule can run the operation itself, as on a network with fewer
channels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Any

import torch
from torch import Tensor

from precompute.ablation.graph import Node, is_pointwise

aten = torch.ops.aten


@dataclass(frozen=True, eq=False)
class Lanes:
    """Where the lanes of each unit lie in a value.

    Parameters
    ----------
    axis
        The dimension that they lie on; images are on dimension 0.
    table
        (unit, lane): positions on that dimension.
    """

    axis: int
    table: Tensor

    def at(self, axis: int) -> "Lanes":
        """Return the same positions on another dimension."""
        return Lanes(axis, self.table)

    def is_like(self, other: "Lanes") -> bool:
        """Say whether these are the same positions on the same dimension."""
        return self.axis == other.axis and torch.equal(self.table, other.table)


Known = Mapping[Node, Lanes]
"""The lanes of each node whose value keeps units apart."""


@dataclass(frozen=True, eq=False)
class Narrow:
    """What a rule may use to compute a narrow value.

    Parameters
    ----------
    values
        The narrow arguments; (image, unit * lane, ...) where the lanes lie on dimension 1.
    lanes
        For each narrow node (unit * lane,): the positions that its narrow value holds.
    axis
        For each narrow node, the dimension that its lanes lie on.
    whole
        Returns the unablated value of any other node: (image, ...), or a constant.
    n_units
        How many units stand side by side, each with its lanes: the units of the first ablation, then those of the
        second, and so on.
    """

    values: dict[Node, Tensor]
    lanes: dict[Node, Tensor]
    axis: dict[Node, int]
    whole: Callable[[Node], Any]
    n_units: int


@dataclass(frozen=True)
class ChannelwiseRule:
    """How one kind of operation treats narrow values.

    Parameters
    ----------
    lanes
        Returns the lanes of the result, or None where this use of the operation mixes units.
    run
        Returns the narrow result.
    is_linear
        Whether the operation does the same to every lane, and is linear: only then can it run on directions.
    """

    lanes: Callable[[Node, Known], Lanes | None]
    run: Callable[[Node, Narrow], Tensor]
    is_linear: bool = False


def rule_for(node: Node) -> ChannelwiseRule | None:
    """Return the rule for a node's operation, None where there is none."""
    return _RULES.get(node.op, _POINTWISE if is_pointwise(node) else None)


def _pointwise_lanes(node: Node, known: Known) -> Lanes | None:
    narrow = [used for used in node.inputs if used in known]
    lanes = known[narrow[0]]
    # Broadcasting along the lanes' dimension, or from another rank, would put lanes elsewhere; so would two narrow
    # arguments with different lanes.
    side = lanes.axis - 1  # the shape of a node leaves out the images
    fits = all(len(used.shape) == len(node.shape) and used.shape[side] == node.shape[side] for used in narrow)
    return lanes if fits and all(known[used].is_like(lanes) for used in narrow) else None


def _pointwise_run(node: Node, narrow: Narrow) -> Tensor:
    def value_of(used: Node) -> Any:
        if used in narrow.values:
            return narrow.values[used]
        return _pick(narrow.whole(used), narrow.lanes[node], axis=narrow.axis[node], rank=1 + len(node.shape))

    return node.run(value_of)


def _pick(value: Any, lanes: Tensor, *, axis: int, rank: int) -> Any:
    """Restrict an argument to the lanes, where the operation broadcasts it to `rank` dimensions."""
    if not isinstance(value, Tensor):
        return value
    axis += value.dim() - rank
    return value.index_select(axis, lanes) if axis >= 0 and value.shape[axis] > 1 else value


def _same_lanes(node: Node, known: Known) -> Lanes | None:
    """Return the argument's lanes for an operation with channels on dimension 1; None where lanes lie elsewhere."""
    lanes = known.get(node.args[0])
    return lanes if lanes is not None and lanes.axis == 1 else None


def _run_as_it_is(node: Node, narrow: Narrow) -> Tensor:
    return node.run(narrow.values.__getitem__)


def _reduced_lanes(node: Node, known: Known) -> Lanes | None:
    source, given, keeps = node.args[:3]
    lanes = known[source]
    axes = [axis % _rank(source) for axis in given or ()]
    # Reducing over images or over the lanes' dimension mixes units. To PyTorch an empty list means all dimensions.
    if not axes or {0, lanes.axis} & set(axes):
        return None
    return lanes if keeps else lanes.at(lanes.axis - sum(axis < lanes.axis for axis in axes))


def _slice_lanes(node: Node, known: Known) -> Lanes | None:
    source, axis, start, _stop, step = node.args
    lanes, axis = known[source], axis % _rank(source)
    # x[:, 2:] may be recorded as two slices, of which the first takes all images.
    takes_every_image = axis == 0 and node.batched and not start and step == 1
    return lanes if axis not in (0, lanes.axis) or takes_every_image else None


def _permute_lanes(node: Node, known: Known) -> Lanes | None:
    source, dims = node.args
    order = [axis % _rank(source) for axis in dims]
    return known[source].at(order.index(known[source].axis)) if order[0] == 0 else None


def _transpose_lanes(node: Node, known: Known) -> Lanes | None:
    source, *both = node.args
    one, other = (axis % _rank(source) for axis in both)
    axis = known[source].axis
    return known[source].at({one: other, other: one}.get(axis, axis)) if 0 not in (one, other) else None


def _unsqueeze_lanes(node: Node, known: Known) -> Lanes | None:
    source, axis = node.args
    lanes, axis = known[source], axis % (_rank(source) + 1)
    # A new dimension before the lanes' own moves that one up. A new first dimension would move the images.
    return lanes.at(lanes.axis + (axis <= lanes.axis)) if axis else None


def _squeeze_lanes(node: Node, known: Known) -> Lanes | None:
    source, given = node.args
    lanes = known[source]
    axes = [axis % _rank(source) for axis in (given if isinstance(given, list | tuple) else [given])]
    if {0, lanes.axis} & set(axes):
        return None
    # A dimension that is named but has another size than 1 stays.
    return lanes.at(lanes.axis - sum(axis < lanes.axis and source.shape[axis - 1] == 1 for axis in axes))


def _select_lanes(node: Node, known: Known) -> Lanes | None:
    source, axis, _index = node.args
    lanes, axis = known[source], axis % _rank(source)
    return lanes.at(lanes.axis - (axis < lanes.axis)) if axis not in (0, lanes.axis) else None


def _pad_lanes(node: Node, known: Known) -> Lanes | None:
    """Return the lanes, moved up by the channels that padding puts before the first."""
    lanes = known[node.args[0]]
    before = _paddings(node)
    constant = node.op is aten.constant_pad_nd.default or node.args[2] == "constant"
    channels = before[lanes.axis]
    # Constant new channels belong to no unit. A reflection would copy lanes, and a negative padding remove some.
    if any(before[0]) or (any(channels) and not (constant and min(channels) >= 0)):
        return None
    return Lanes(lanes.axis, lanes.table + channels[0])


def _pad_run(node: Node, narrow: Narrow) -> Tensor:
    """Pad every dimension but that of the lanes: its two paddings become 0, or are dropped at the end of the list."""
    axis, pads = narrow.axis[node], list(node.args[1])
    place = 2 * (len(node.shape) - axis)
    pads = pads[:place] if place + 2 >= len(pads) else [*pads[:place], 0, 0, *pads[place + 2 :]]
    return node.op(narrow.values[node.args[0]], pads, *node.args[2:])


def _paddings(node: Node) -> list[tuple[int, int]]:
    """Return the padding before and after each dimension, from the first on; PyTorch's list begins with the last."""
    given = list(node.args[1]) + [0, 0] * (1 + len(node.shape))
    return [(given[2 * back], given[2 * back + 1]) for back in range(len(node.shape), -1, -1)]


def _reshape_lanes(node: Node, known: Known) -> Lanes | None:
    """Return the lanes where their dimension stays as it is, or swallows dimensions that follow it."""
    source, lanes = node.args[0], known[node.args[0]]
    if not node.batched:
        return None
    # Flattening maps turns channel c of n into positions c * k to c * k + k - 1 of n * k. The dimensions before the
    # channels must hold as many elements as before; they may have another shape.
    before, n_channels = prod(source.shape[: lanes.axis - 1]), source.shape[lanes.axis - 1]
    for axis, size in enumerate(node.shape, start=1):
        if prod(node.shape[: axis - 1]) == before and size % n_channels == 0:
            return Lanes(axis, _spread(lanes.table, size // n_channels))
    return None


def _reshape_run(node: Node, narrow: Narrow) -> Tensor:
    value, sizes = narrow.values[node.args[0]], list(node.shape)
    sizes[narrow.axis[node] - 1] = len(narrow.lanes[node])
    return value.reshape(len(value), *sizes)


def _cat_lanes(node: Node, known: Known) -> Lanes | None:
    parts, axis = node.args
    lanes = [known[part] for part in parts if part in known]
    axis %= 1 + len(node.shape)
    if any(each.axis != axis for each in lanes) or not all(part.batched for part in parts):
        return None
    starts = accumulate((part.shape[axis - 1] for part in parts), initial=0)  # one more than parts: the end comes last
    moved = [known[part].table + start for part, start in zip(parts, starts, strict=False) if part in known]
    return Lanes(axis, torch.cat(moved, dim=1))


def _cat_run(node: Node, narrow: Narrow) -> Tensor:
    axis = narrow.axis[node]
    # All lanes of a unit must lie side by side, so the parts are joined unit by unit, not one after the other.
    values = [narrow.values[part] for part in node.args[0] if part in narrow.values]
    side_by_side = [value.unflatten(axis, (narrow.n_units, -1)) for value in values]
    return torch.cat(side_by_side, dim=axis + 1).flatten(axis, axis + 1)


def _conv_lanes(node: Node, known: Known) -> Lanes | None:
    """Return the lanes after a depthwise convolution; any other mixes units."""
    source, groups = node.args[0], node.args[6]
    lanes = _same_lanes(node, known)
    # With as many groups as channels, each group sees its own channel alone.
    if lanes is None or groups != source.shape[0]:
        return None
    return Lanes(1, _spread(lanes.table, node.shape[0] // groups))


def _conv_run(node: Node, narrow: Narrow) -> Tensor:
    source, weight, bias, *how, _groups = node.args
    kernel, offset = (_restricted(used, narrow, node) for used in (weight, bias))
    # With as many groups as lanes, each lane keeps its own kernel.
    return node.op(narrow.values[source], kernel, offset, *how, narrow.values[source].shape[1])


def _norm_run(node: Node, narrow: Narrow) -> Tensor:
    source, *vectors = node.args[:5]
    return node.op(narrow.values[source], *(_restricted(used, narrow, node) for used in vectors), *node.args[5:])


def _restricted(used: Node | None, narrow: Narrow, node: Node) -> Tensor | None:
    return None if used is None else narrow.whole(used).index_select(0, narrow.lanes[node])


def _spread(lanes: Tensor, each: int) -> Tensor:
    """Return the lanes after every position has become `each` positions."""
    return (lanes.unsqueeze(-1) * each + torch.arange(each)).flatten(1)


def _rank(node: Node) -> int:
    return 1 + len(node.shape)


_POINTWISE = ChannelwiseRule(_pointwise_lanes, _pointwise_run)
_POOLING = ChannelwiseRule(_same_lanes, _run_as_it_is)
_AVERAGING = ChannelwiseRule(_same_lanes, _run_as_it_is, is_linear=True)
_SUM = ChannelwiseRule(_reduced_lanes, _run_as_it_is, is_linear=True)
_RULES: dict[Any, ChannelwiseRule] = {
    aten.max_pool2d.default: _POOLING,
    aten.avg_pool2d.default: _AVERAGING,
    aten.adaptive_avg_pool2d.default: _AVERAGING,
    aten.upsample_nearest2d.vec: _AVERAGING,
    aten.upsample_bilinear2d.vec: _AVERAGING,
    aten.mean.dim: _SUM,
    aten.amax.default: ChannelwiseRule(_reduced_lanes, _run_as_it_is),
    aten.sum.dim_IntList: _SUM,
    aten.slice.Tensor: ChannelwiseRule(_slice_lanes, _run_as_it_is, is_linear=True),
    aten.pad.default: ChannelwiseRule(_pad_lanes, _pad_run),
    aten.constant_pad_nd.default: ChannelwiseRule(_pad_lanes, _pad_run),
    aten.permute.default: ChannelwiseRule(_permute_lanes, _run_as_it_is, is_linear=True),
    aten.transpose.int: ChannelwiseRule(_transpose_lanes, _run_as_it_is, is_linear=True),
    aten.unsqueeze.default: ChannelwiseRule(_unsqueeze_lanes, _run_as_it_is, is_linear=True),
    aten.squeeze.dim: ChannelwiseRule(_squeeze_lanes, _run_as_it_is, is_linear=True),
    aten.squeeze.dims: ChannelwiseRule(_squeeze_lanes, _run_as_it_is, is_linear=True),
    aten.select.int: ChannelwiseRule(_select_lanes, _run_as_it_is, is_linear=True),
    aten.reshape.default: ChannelwiseRule(_reshape_lanes, _reshape_run, is_linear=True),
    aten.cat.default: ChannelwiseRule(_cat_lanes, _cat_run),
    aten.conv2d.default: ChannelwiseRule(_conv_lanes, _conv_run),
    aten.conv2d.padding: ChannelwiseRule(_conv_lanes, _conv_run),
    aten.batch_norm.default: ChannelwiseRule(_same_lanes, _norm_run),
}
