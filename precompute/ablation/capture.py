"""Record a network as a graph of tensor operations, with the layers to ablate marked in it.

`torch.export` runs the network once and records its ATen operators for any number of images. During the recording, a
forward hook passes the output of each layer to ablate through ``unitscope::mark``. So the mark stands in the graph
exactly where the plain method would overwrite the output. In-place operations, aliases and layers that are called
several times need no special care after that.
"""

import logging
import operator
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr
from dataclasses import replace
from io import StringIO
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim
from torch.nn.utils.fusion import fuse_conv_bn_weights

from precompute.ablation.graph import Node, Program, given
from precompute.models.error_causes import unrecorded
from precompute.models.forward import copy_for, raised_in_threads, step_by_step
from precompute.models.hooks import edit
from precompute.models.sites import Site

aten = torch.ops.aten
_map_nodes: Callable[..., Any] = fx.map_arg


class CannotCapture(Exception):
    """The network cannot be recorded as a graph; the message says why."""


# Tagged as pointwise: where an earlier layer is ablated, the mark of a later one keeps its units apart, as a ReLU does.
@torch.library.custom_op("unitscope::mark", mutates_args=(), tags=(torch.Tag.pointwise,))
def _mark(output: Tensor, name: str) -> Tensor:
    """Return a copy of a layer's output; in a graph, the name says which layer it is."""
    return output.clone()


_mark.register_fake(lambda output, name: torch.empty_like(output))


class Recording:
    """A network, recorded once with some of its layers marked.

    Recording takes nearly all of the time of a capture, so many layers share one recording.

    Parameters
    ----------
    network
        A classifier in evaluation mode.
    sites
        The layers to mark.
    example
        (image, channel, height, width): images of the size that will be swept.

    Raises
    ------
    CannotCapture
        Where one recording cannot serve any number of images, for example because the operations depend on the values;
        where the network is not in evaluation mode, or does not compute in float32.
    """

    def __init__(self, network: nn.Module, sites: Collection[Site], example: Tensor) -> None:
        if any(module.training for module in network.modules()):
            raise CannotCapture("part of it is in training mode")
        batch = copy_for(network, example)
        _refuse_other_than_float32("it computes in", batch)
        self._module = _record(network, sites, batch)

    def program(self, *names: str) -> Program:
        """Return the network as a graph in which only the layers of these names are marked.

        Raises
        ------
        CannotCapture
            Where the network's output is not one (image, output) tensor.
        """
        graph = fx.Graph()
        graph.output(graph.graph_copy(self._module.graph, {}))
        module = fx.GraphModule(self._module, graph)  # weights are shared, nodes are not
        _unmark_others(graph, names)
        _simplify(graph)
        recorded = _translate(module)
        _fold_norms(module)
        return replace(_translate(module), recorded=recorded)


def capture(network: nn.Module, sites: Collection[Site], example: Tensor) -> Program:
    """Record a network with some of its layers marked, as `Recording` does, and return its graph."""
    return Recording(network, sites, example).program(*(site.name for site in sites))


def _refuse_other_than_float32(what: str, value: Tensor) -> None:
    if value.dtype is not torch.float32:
        raise CannotCapture(f"{what} {str(value.dtype).removeprefix('torch.')}, and exact means in float32")


def _record(network: nn.Module, sites: Collection[Site], example: Tensor) -> fx.GraphModule:
    # From a batch of one, torch.export would record a network for one image only.
    batch = example if len(example) > 1 else example.repeat(2, 1, 1, 1)
    with ExitStack() as stack, warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        stack.enter_context(_quiet())
        stack.enter_context(step_by_step())
        stack.enter_context(raised_in_threads([]))  # what fails in a thread is dropped: the plain method is left
        for site in sites:
            stack.enter_context(edit(network, site, _marker(site.name)))
        try:
            exported = torch.export.export(_OfOneInput(network), (batch,), dynamic_shapes=({0: Dim.DYNAMIC},))
            # An empty table leaves linear, pooling and the like whole, but still replaces in-place operations.
            return exported.run_decompositions({}).module(check_guards=False)
        except Exception as error:
            raise CannotCapture(unrecorded(error)) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep off the screen what torch prints of a network that it cannot record: the reason is told in a sentence."""
    log = logging.getLogger("torch.fx.experimental.symbolic_shapes")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with redirect_stderr(StringIO()):
            yield
    finally:
        log.setLevel(level)


class _OfOneInput(nn.Module):
    """A network whose forward function takes the images and nothing else."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.train(network.training)

    def forward(self, images: Tensor) -> Any:
        return self.network(images)


def _marker(name: str) -> Callable[[Tensor], Tensor]:
    return lambda output: _mark(output, name)


def _unmark_others(graph: fx.Graph, names: Collection[str]) -> None:
    """Remove the marks of layers of other names."""
    mark: Any
    for mark in graph.find_nodes(op="call_function", target=torch.ops.unitscope.mark.default):
        output, name = mark.args
        if name not in names:
            mark.replace_all_uses_with(output)
            graph.erase_node(mark)


def _simplify(graph: fx.Graph) -> None:
    """Remove copies, give batch norm one output, and turn views into reshapes, which copy where they must.

    Two permutations that undo each other go too: they brought the units of a layer to dimension 1 for its mark.
    """
    node: Any
    for node in list(graph.nodes):
        if node.target in (aten.clone.default, aten.alias.default, aten.detach.default):
            node.replace_all_uses_with(node.all_input_nodes[0])
        elif _undoes_a_permutation(node):
            node.replace_all_uses_with(node.args[0].args[0])
        elif node.target is operator.getitem and _is_norm(node.args[0]) and node.args[1] == 0:
            # The recorded operator also returns statistics, which only training uses.
            image, weight, bias, mean, variance, momentum, eps = node.args[0].args
            node.target = aten.batch_norm.default
            node.args = (image, weight, bias, mean, variance, False, momentum, eps, False)
        elif node.target in (aten.view.default, aten._unsafe_view.default):
            # A view needs a suitable layout: the copy that provided it may be gone, and values may be channels-last.
            node.target = aten.reshape.default
    graph.eliminate_dead_code()


def _undoes_a_permutation(node: Any) -> bool:
    if not (_is_permutation(node) and _is_permutation(node.args[0])):
        return False
    first, second = node.args[0].args[1], node.args[1]
    return all(first[dimension] % len(first) == at for at, dimension in enumerate(second))


def _is_permutation(node: object) -> bool:
    return isinstance(node, fx.Node) and node.target is aten.permute.default


def _is_norm(node: object) -> bool:
    return isinstance(node, fx.Node) and node.target is aten._native_batch_norm_legit_no_training.default


def _fold_norms(module: fx.GraphModule) -> None:
    """Merge each batch norm into the convolution before it, where nothing else uses the convolution's output.

    This is done only after the marks: up to a mark the graph must round as the network does.
    """
    graph = module.graph
    after = _after_every_mark(graph)
    for norm in graph.find_nodes(op="call_function", target=aten.batch_norm.default):
        conv = norm.args[0]
        if conv.target not in (aten.conv2d.default, aten.conv2d.padding) or len(conv.users) > 1 or conv not in after:
            continue
        # Weight and bias of the convolution, None where it has no bias; mean, variance, gamma and beta of the norm.
        tensors = (*(*conv.args, None)[1:3], *norm.args[3:5], *norm.args[1:3])
        if any(node is not None and node.op != "get_attr" for node in tensors):
            continue  # a weight that is itself computed, as by weight standardization
        weight, bias, mean, variance, gamma, beta = (_value_of(module, node) for node in tensors)
        fused = fuse_conv_bn_weights(weight, bias, mean, variance, norm.args[7], gamma, beta)
        with graph.inserting_before(conv):
            folded = [_new_constant(module, f"{norm.name}_{i}", value) for i, value in enumerate(fused)]
            merged = graph.call_function(conv.target, (conv.args[0], *folded, *conv.args[3:]), dict(conv.kwargs))
        merged.meta = dict(norm.meta)  # holds the shape, which _translate reads
        norm.replace_all_uses_with(merged)
    graph.eliminate_dead_code()


def _after_every_mark(graph: fx.Graph) -> set[fx.Node]:
    """Return the nodes that depend on every mark."""
    marks = graph.find_nodes(op="call_function", target=torch.ops.unitscope.mark.default)
    before = {node: frozenset[fx.Node]() for node in graph.nodes}
    for node in graph.nodes:
        passed = frozenset().union(*(before[used] for used in node.all_input_nodes))  # the marks that it depends on
        before[node] = passed | {node} if node in marks else passed
    return {node for node, passed in before.items() if len(passed) == len(marks)}


def _value_of(module: fx.GraphModule, node: Any) -> Any:
    return None if node is None else operator.attrgetter(str(node.target))(module)


def _new_constant(module: fx.GraphModule, name: str, value: Tensor) -> fx.Node:
    module.register_buffer(name, value.detach(), persistent=False)
    return module.graph.get_attr(name)


@torch.no_grad()
def _translate(module: fx.GraphModule) -> Program:
    """Turn an exported graph into a `Program`, and compute what depends on weights alone right away."""
    (placeholder,) = module.graph.find_nodes(op="placeholder")  # the images; weights are attributes
    n_images = placeholder.meta["val"].shape[0]
    ours: dict[fx.Node, Node] = {placeholder: _node(placeholder, (), {}, n_images)}
    constants: dict[Node, Any] = {}
    nodes: list[Node] = []
    theirs: Any
    for theirs in module.graph.nodes:
        if theirs.op == "get_attr":
            node = ours[theirs] = Node(theirs.name)
            constants[node] = _value_of(module, theirs)
        elif theirs.op == "call_function":
            args, kwargs = (_map_nodes(part, ours.__getitem__) for part in _with_defaults(theirs))
            node = ours[theirs] = _node(theirs, args, kwargs, n_images)
            # This includes nodes without inputs, such as a range of positions.
            if all(used in constants for used in node.inputs):
                constants[node] = node.run(constants.__getitem__)
            else:
                nodes.append(node)
    theirs = module.graph.output_node()
    (results,) = _map_nodes(theirs.args, ours.__getitem__)
    output = results[0]
    if len(results) != 1 or output not in nodes or not output.batched or len(output.shape) != 1:
        raise CannotCapture("its output is not one (image, output) tensor computed from the images")
    _refuse_other_than_float32("its outputs are in", theirs.args[0][0].meta["val"])
    marks = {node.args[1]: node for node in nodes if node.op is torch.ops.unitscope.mark.default}
    return Program(tuple(nodes), constants, ours[placeholder], output, marks)


def _node(theirs: Any, args: Any, kwargs: Any, n_images: torch.SymInt) -> Node:
    # The export keeps the shape of every node's value. Sizes that follow from the number of images are symbols.
    op, value = theirs.target if theirs.op == "call_function" else given, theirs.meta.get("val")
    if isinstance(value, torch.SymInt):
        return Node(theirs.name, op, args, kwargs, counts_images=True)
    if not isinstance(value, Tensor) or value.dim() == 0 or isinstance(value.shape[0], int):
        return Node(
            theirs.name, op, args, kwargs, shape=tuple(getattr(value, "shape", ())), elements=_elements(value, n_images)
        )
    # Windows of images have images times windows on dimension 0. That is a symbol too, but not the one of the images.
    batched = value.shape[0].node.expr == n_images.node.expr and all(isinstance(size, int) for size in value.shape[1:])
    if not batched:
        return Node(theirs.name, op, args, kwargs, elements=_elements(value, n_images))
    return Node(theirs.name, op, args, kwargs, shape=tuple(value.shape[1:]), batched=True)


def _elements(value: Any, n_images: torch.SymInt) -> int:
    """Return how many elements a value has for one image, on whichever dimension its images lie; 0 without images."""
    total = value.numel() if isinstance(value, Tensor) else 0
    # A hint is the number that the symbol stood for while the network was recorded.
    return total.node.hint // n_images.node.hint if isinstance(total, torch.SymInt) else 0


def _with_defaults(node: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a node's arguments, with the positional ones that it leaves out filled in from the operator's schema."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return node.args, dict(node.kwargs)
    args, kwargs = list(node.args), dict(node.kwargs)
    for argument in schema.arguments[len(args) :]:
        if argument.kwarg_only:
            break
        args.append(kwargs.pop(argument.name, argument.default_value))
    return tuple(args), kwargs
