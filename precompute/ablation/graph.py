"""A network as a list of tensor operations."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

ValueOf = Callable[["Node"], Any]


def given() -> Any:
    """Stand in as the operation of a node whose value is given, not computed: a constant, or the images."""
    raise LookupError("Expected the value of a constant or of the images to be given, but it was not.")


@dataclass(frozen=True, eq=False)
class Node:
    """One value of a network: a constant, the images, or the result of an operation on other nodes.

    Parameters
    ----------
    name
        For messages, and to find the same node in a program and in its `recorded` one.
    op
        What computes the value; usually an ATen operator.
    args
        The operator's positional arguments, with defaults filled in: nodes, Python values, and lists of these.
    kwargs
        The operator's keyword arguments.
    shape
        Shape of the value for one image, or of the whole value where `batched` is false. Empty where the value is no
        tensor.
    batched
        Whether the value is a tensor that has images, and only images, on dimension 0.
    counts_images
        Whether the value is an integer computed from the number of images.
    elements
        Where `batched` is false but the value has images on a dimension together with something else, as windows of
        images do: how many elements it has for one image. Otherwise 0.
    """

    name: str
    op: Callable[..., Any] = given
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = ()
    batched: bool = False
    counts_images: bool = False
    elements: int = 0

    def __repr__(self) -> str:
        return self.name

    @property
    def inputs(self) -> list["Node"]:
        """The nodes among the arguments; a node that stands there twice comes twice."""
        return [*_nodes_in(self.args), *_nodes_in(tuple(self.kwargs.values()))]

    def run(self, value_of: ValueOf) -> Any:
        """Return the value, given the values of other nodes."""
        return self.op(
            *substitute(self.args, value_of), **{key: substitute(a, value_of) for key, a in self.kwargs.items()}
        )


@dataclass(frozen=True, eq=False)
class Program:
    """A network as a graph.

    Parameters
    ----------
    nodes
        The operations on the images, in the order in which they run.
    constants
        Values that do not depend on the images: weights, and what is computed from weights alone.
    images
        The node of the input.
    output
        The node of the network's outputs, (image, output).
    marks
        For each site's name, the node of the site's output.
    recorded
        The same network as it was recorded, before batch norms were merged into convolutions; None where this program
        is the recorded one. The marks, and nodes that do not depend on every mark, have the same names in both.
    """

    nodes: tuple[Node, ...]
    constants: dict[Node, Any]
    images: Node
    output: Node
    marks: dict[str, Node]
    recorded: "Program | None" = None


def substitute(args: Any, value_of: ValueOf) -> Any:
    """Return arguments with every node replaced by its value."""
    if isinstance(args, Node):
        return value_of(args)
    if isinstance(args, tuple | list):
        return type(args)(substitute(arg, value_of) for arg in args)
    return args


def is_pointwise(node: Node) -> bool:
    """Say whether each element of the result depends only on the elements at its own position."""
    return torch.Tag.pointwise in getattr(node.op, "tags", ())


def last_uses(nodes: Sequence[Node], *, keep: Collection[Node]) -> dict[Node, list[Node]]:
    """Return, for each node, the nodes whose values nothing needs any more once it has run."""
    seen = set(keep)  # what later nodes use, or the caller keeps
    last: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node in reversed(nodes):
        for used in (*node.inputs, node):  # the node itself too: a value that nothing uses is dropped at once
            if used not in seen:
                seen.add(used)
                last[node].append(used)
    return last


class Stretch:
    """Operations of a network that run one after the other; each value is held until its last use.

    Parameters
    ----------
    nodes
        The operations, in the order in which they run.
    keep
        Nodes whose values are wanted afterwards. Nodes from before the stretch may be among them.
    """

    def __init__(self, nodes: Sequence[Node], *, keep: Collection[Node]) -> None:
        self.nodes = tuple(nodes)
        self._last_uses = last_uses(nodes, keep=keep)

    def steps(self, values: dict[Node, Any]) -> Iterator[Node]:
        """Yield the nodes in order; the caller computes the value of each and puts it into `values`.

        Before the next node comes, values that no later node needs are removed from `values`.
        """
        for node in self.nodes:
            yield node
            for done in self._last_uses[node]:
                values.pop(done, None)


def image_counts(nodes: Sequence[Node], n_images: int) -> dict[Node, int]:
    """Return the integers that a graph computes from the number of images, for `n_images` images."""
    counts: dict[Node, int] = {}
    for node in nodes:
        if node.op is torch.ops.aten.sym_size.int:
            counts[node] = n_images
        elif node.counts_images:
            counts[node] = node.run(counts.__getitem__)
    return counts


def size_of(node: Node) -> int:
    """Return the number of elements that a node's value has for one image."""
    return torch.Size(node.shape).numel() if node.batched else node.elements


def _nodes_in(args: Any) -> Iterator[Node]:
    if isinstance(args, Node):
        yield args
    elif isinstance(args, tuple | list):
        for arg in args:
            yield from _nodes_in(arg)
