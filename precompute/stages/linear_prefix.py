"""How far a network is linear in the picture: up to its first convolution, or the batch norm after it."""

from collections.abc import Sequence
from typing import Any

import torch

from precompute.ablation.graph import Node
from precompute.stages.windows import Constants

aten = torch.ops.aten
# Linear in all their tensor arguments together.
_LINEAR_IN_ALL: tuple[Any, ...] = (
    aten.add.Tensor,
    aten.sub.Tensor,
    aten.cat.default,
    aten.select.int,
    aten.unsqueeze.default,
)
# Linear in their first tensor argument where the others are constants.
_LINEAR_IN_FIRST: tuple[Any, ...] = (
    aten.conv2d.default,
    aten.conv2d.padding,
    aten.batch_norm.default,
    aten.avg_pool2d.default,
    aten.constant_pad_nd.default,
    aten.mul.Tensor,
    aten.div.Tensor,
)


def linear_end(nodes: Sequence[Node], images: Node, end: Node, constants: Constants) -> Node:
    """Return the last value that is linear in the images, up to a constant, and through which all ways to `end` lead.

    Parameters
    ----------
    nodes
        Operations in the order in which they run.
    images, end
        The first value and the last.
    constants
        Values that do not depend on the images.

    Returns
    -------
    Node
        The node of the images themselves where no later value qualifies.
    """
    linear = [images]
    for node in nodes:
        if _is_linear(node, linear, constants):
            linear.append(node)
    return next(node for node in reversed(linear) if node is images or images not in _needed(end, nodes, node))


def leading_to(end: Node, nodes: Sequence[Node], start: Node | None = None) -> tuple[Node, ...]:
    """Return the nodes needed to compute `end` from `start`, `end` itself last."""
    needed = _needed(end, nodes, start)
    return tuple(node for node in nodes if node in needed)


def _needed(end: Node, nodes: Sequence[Node], start: Node | None) -> set[Node]:
    needed = {end} - {start}
    for node in reversed(nodes):
        if node in needed:
            needed.update(used for used in node.inputs if used is not start)
    return needed


def _is_linear(node: Node, linear: Sequence[Node], constants: Constants) -> bool:
    first, *others = node.inputs or [node]
    if node.op in _LINEAR_IN_ALL:
        return any(used in linear for used in node.inputs) and all(
            used in linear or used in constants for used in node.inputs
        )
    return node.op in _LINEAR_IN_FIRST and first in linear and all(used in constants for used in others)
