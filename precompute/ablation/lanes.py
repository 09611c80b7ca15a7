"""Operations that keep a unit in lanes of its own.

While the operations after a layer treat every channel by itself, silencing a unit changes only a few positions on
dimension 1 of each value: the unit's **lanes**. A value restricted to them is **narrow**. A rule says, for one kind of
operation, which lanes a unit has after it, and computes the narrow result from the narrow argument; what has no rule is
computed on whole values. In a narrow value the lanes of several ablations stand side by side on dimension 1,
(image, ablation * unit * lane, ...), so that a rule runs the operation as it is, on a network with fewer channels.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from precompute.ablation.graph import Node, is_pointwise

aten = torch.ops.aten

Lanes = Mapping[Node, Tensor]
"""For each node whose value keeps units apart: (unit, lane), positions on dimension 1."""


@dataclass(frozen=True, eq=False)
class Narrow:
    """What a rule may look at when it computes a narrow value.

    Parameters
    ----------
    values
        Narrow arguments, (image, unit * lane, ...).
    lanes
        For each narrow node, the positions on dimension 1 that its value holds, (unit * lane,).
    whole
        Returns the unablated value of any other node: (image, ...), or a constant.
    n_units
        How many units stand side by side, each with its lanes: those of the first ablation, those of the second ...
    """

    values: dict[Node, Tensor]
    lanes: dict[Node, Tensor]
    whole: Callable[[Node], Any]
    n_units: int


@dataclass(frozen=True)
class Rule:
    """How one kind of operation treats narrow values.

    Parameters
    ----------
    lanes
        Returns the table (unit, lane) of the result, or None where this use of the operation mixes units.
    run
        Returns the narrow result.
    is_linear
        Whether it does the same to every lane, and to a sum what it does to its terms.
    """

    lanes: Callable[[Node, Lanes], Tensor | None]
    run: Callable[[Node, Narrow], Tensor]
    is_linear: bool = False


def rule_for(node: Node) -> Rule | None:
    """Return the rule for a node's operation, None where there is none."""
    return _RULES.get(node.op, _POINTWISE if is_pointwise(node) else None)


def _pointwise_lanes(node: Node, lanes: Lanes) -> Tensor | None:
    narrow = [used for used in node.inputs if used in lanes]
    fits = all(len(used.shape) == len(node.shape) and used.shape[0] == node.shape[0] for used in narrow)
    same = all(torch.equal(lanes[used], lanes[narrow[0]]) for used in narrow)
    return lanes[narrow[0]] if fits and same else None


def _pointwise_run(node: Node, narrow: Narrow) -> Tensor:
    def look(used: Node) -> Any:
        if used in narrow.values:
            return narrow.values[used]
        return _pick(narrow.whole(used), narrow.lanes[node], rank=1 + len(node.shape))

    return node.run(look)


def _pick(value: Any, lanes: Tensor, *, rank: int) -> Any:
    """Restrict an argument that is broadcast to `rank` dimensions."""
    if not isinstance(value, Tensor):
        return value
    axis = value.dim() - rank + 1
    return value.index_select(axis, lanes) if axis >= 0 and value.shape[axis] > 1 else value


def _same_lanes(node: Node, lanes: Lanes) -> Tensor | None:
    return lanes.get(node.args[0])


def _run_as_it_is(node: Node, narrow: Narrow) -> Tensor:
    return node.run(narrow.values.__getitem__)


def _mean_lanes(node: Node, lanes: Lanes) -> Tensor | None:
    source, axes = node.args[:2]
    rank = 1 + len(source.shape)
    return lanes[source] if axes and all(axis % rank >= 2 for axis in axes) else None


def _slice_lanes(node: Node, lanes: Lanes) -> Tensor | None:
    source, axis, start, _stop, step = node.args
    rank = 1 + len(source.shape)
    takes_every_image = axis % rank == 0 and node.batched and not start and step == 1
    return lanes[source] if axis % rank >= 2 or takes_every_image else None


def _pad_lanes(node: Node, lanes: Lanes) -> Tensor | None:
    """Return the lanes, moved by the channels that are put before the first."""
    _space, channels, images = _paddings(node)
    constant = node.op is aten.constant_pad_nd.default or node.args[2] == "constant"
    if any(images) or (any(channels) and not (constant and min(channels) >= 0)):
        return None
    return lanes[node.args[0]] + (channels[0] if channels else 0)


def _pad_run(node: Node, narrow: Narrow) -> Tensor:
    space, _channels, _images = _paddings(node)
    return node.op(narrow.values[node.args[0]], space, *node.args[2:])


def _paddings(node: Node) -> tuple[list[int], list[int], list[int]]:
    """Split the list of paddings, which begins with the last dimension, into those of space, channels and images."""
    pads, n_space = list(node.args[1]), 2 * (len(node.shape) - 1)
    return pads[:n_space], pads[n_space : n_space + 2], pads[n_space + 2 :]


def _reshape_lanes(node: Node, lanes: Lanes) -> Tensor | None:
    """Return the lanes where space is merged into dimension 1, or dimension 1 stays as it is."""
    source = node.args[0]
    if not node.batched or node.shape[0] % source.shape[0]:
        return None
    return _spread(lanes[source], node.shape[0] // source.shape[0])


def _reshape_run(node: Node, narrow: Narrow) -> Tensor:
    value = narrow.values[node.args[0]]
    return value.reshape(len(value), len(narrow.lanes[node]), *node.shape[1:])


def _cat_lanes(node: Node, lanes: Lanes) -> Tensor | None:
    parts, axis = node.args
    if axis % (1 + len(node.shape)) != 1 or not all(part.batched for part in parts):
        return None
    starts = accumulate((part.shape[0] for part in parts), initial=0)
    return torch.cat([lanes[part] + start for part, start in zip(parts, starts, strict=False) if part in lanes], dim=1)


def _cat_run(node: Node, narrow: Narrow) -> Tensor:
    values = [narrow.values[part] for part in node.args[0] if part in narrow.values]
    side_by_side = [value.unflatten(1, (narrow.n_units, -1)) for value in values]
    return torch.cat(side_by_side, dim=2).flatten(1, 2)


def _conv_lanes(node: Node, lanes: Lanes) -> Tensor | None:
    """Return the lanes after a depthwise convolution; any other mixes units."""
    source, groups = node.args[0], node.args[6]
    if source not in lanes or groups != source.shape[0]:
        return None
    return _spread(lanes[source], node.shape[0] // groups)


def _conv_run(node: Node, narrow: Narrow) -> Tensor:
    source, weight, bias, *how, _groups = node.args
    kernel, offset = (_restricted(used, narrow, node) for used in (weight, bias))
    return node.op(narrow.values[source], kernel, offset, *how, narrow.values[source].shape[1])


def _norm_run(node: Node, narrow: Narrow) -> Tensor:
    source, *vectors = node.args[:5]
    return node.op(narrow.values[source], *(_restricted(used, narrow, node) for used in vectors), *node.args[5:])


def _restricted(used: Node | None, narrow: Narrow, node: Node) -> Tensor | None:
    return None if used is None else narrow.whole(used).index_select(0, narrow.lanes[node])


def _spread(lanes: Tensor, each: int) -> Tensor:
    """Return the lanes where every position on dimension 1 becomes `each` positions."""
    return (lanes.unsqueeze(-1) * each + torch.arange(each)).flatten(1)


_POINTWISE = Rule(_pointwise_lanes, _pointwise_run)
_POOLING = Rule(_same_lanes, _run_as_it_is)
_AVERAGING = Rule(_same_lanes, _run_as_it_is, is_linear=True)
_SUM = Rule(_mean_lanes, _run_as_it_is, is_linear=True)
_RULES: dict[Any, Rule] = {
    aten.max_pool2d.default: _POOLING,
    aten.avg_pool2d.default: _AVERAGING,
    aten.adaptive_avg_pool2d.default: _AVERAGING,
    aten.upsample_nearest2d.vec: _AVERAGING,
    aten.upsample_bilinear2d.vec: _AVERAGING,
    aten.mean.dim: _SUM,
    aten.amax.default: Rule(_mean_lanes, _run_as_it_is),
    aten.sum.dim_IntList: _SUM,
    aten.slice.Tensor: Rule(_slice_lanes, _run_as_it_is, is_linear=True),
    aten.pad.default: Rule(_pad_lanes, _pad_run),
    aten.constant_pad_nd.default: Rule(_pad_lanes, _pad_run),
    aten.reshape.default: Rule(_reshape_lanes, _reshape_run, is_linear=True),
    aten.cat.default: Rule(_cat_lanes, _cat_run),
    aten.conv2d.default: Rule(_conv_lanes, _conv_run),
    aten.conv2d.padding: Rule(_conv_lanes, _conv_run),
    aten.batch_norm.default: Rule(_same_lanes, _norm_run),
}
