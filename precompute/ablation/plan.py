"""For one layer, divide a network into what an ablation leaves unchanged, changes in lanes, and changes as a whole."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property

import torch

from precompute.ablation.capture import CannotCapture
from precompute.ablation.channelwise_rules import Lanes, rule_for
from precompute.ablation.graph import Node, Program
from precompute.ablation.linear_update import can_update


@dataclass(frozen=True, eq=False)
class LayerPlan:
    """Which nodes to compute once for each image, which in lanes, and which for every changed row.

    Parameters
    ----------
    program
        The network.
    site
        The node whose units are ablated.
    before
        Nodes to compute once for every image, without ablation: the layer itself, and nodes that do not depend on it.
    after
        Nodes to compute once for every image, without ablation, that do depend on the layer.
    kept
        The nodes among `before` and `after` whose unablated values the computation under ablation needs.
    lanes
        For the site and every node after it that keeps units apart: where the lanes of each unit lie.
    narrow
        The nodes of `lanes` without the site, in order: computed on lanes alone.
    wide
        All other nodes that depend on the site, in order: computed for every changed row.
    updates
        The wide nodes whose new values are computed from their old ones and from the change of a narrow argument.
    frontier
        The nodes of `lanes` that a wide node uses or that are the output. A row is changed if one of them changes.
    by_direction
        Whether the plan is for directions across units. These stay apart only through linear operations that treat all
        units alike; a lane then holds the change along its direction.
    """

    program: Program
    site: Node
    before: tuple[Node, ...]
    after: tuple[Node, ...]
    kept: frozenset[Node]
    lanes: dict[Node, Lanes]
    narrow: tuple[Node, ...]
    wide: tuple[Node, ...]
    updates: frozenset[Node]
    frontier: tuple[Node, ...]
    by_direction: bool

    @property
    def layer(self) -> str:
        """The layer's name."""
        return next(name for name, mark in self.program.marks.items() if mark is self.site)

    @cached_property
    def held(self) -> tuple[Node, ...]:
        """The nodes whose values are enough to continue from the layer: the layer, and what else `after` needs."""
        used = {used for node in self.after for used in node.inputs} | self.kept
        before = (self.program.images, *self.before)
        return tuple(node for node in before if node in used and not node.counts_images)

    def has_channels_last(self, node: Node) -> bool:
        """Say whether a value's last dimension is its channels, as after a linear layer, as far as is known."""
        lanes = self.lanes.get(node)
        return node.op is torch.ops.aten.linear.default if lanes is None else lanes.axis == len(node.shape)

    @property
    def needs_layer_alone(self) -> bool:
        """Whether the values after the layer can be computed from its output alone."""
        return self.held == (self.site,)

    def keeping(self, more: Collection[Node]) -> "LayerPlan":
        """Return the same plan, which also keeps the unablated values of more nodes."""
        kept = self.kept | frozenset(more)
        _check_images_first(kept)
        needed = _needed(self.program, kept)
        after = tuple(node for node in needed if node in self.narrow or node in self.wide)
        return replace(self, kept=kept, before=tuple(node for node in needed if node not in after), after=after)


def plan_layer(program: Program, site: str, *, by_direction: bool = False) -> LayerPlan:
    """Plan the ablation of one layer.

    Parameters
    ----------
    program
        The network, captured with the layer marked.
    site
        The layer's name.
    by_direction
        Whether directions will be ablated instead of units.

    Raises
    ------
    CannotCapture
        Where the outputs do not depend on the layer, or where a value that must be kept does not have its images on
        dimension 0.
    """
    if site not in program.marks:
        raise CannotCapture("its outputs do not depend on the layer")
    mark = program.marks[site]
    lanes, wide = _sort(program, mark, by_direction=by_direction)
    narrow = tuple(node for node in lanes if node is not mark)
    used_by_wide = {used for node in wide for used in node.inputs if used not in wide}
    used_by_narrow = {used for node in narrow for used in node.inputs}
    frontier = tuple(node for node in lanes if node in used_by_wide or node is program.output)
    updates = frozenset(node for node in wide if can_update(node, lanes, program.constants))
    # The old results of updates are kept, because changes are added to them. The unablated output is kept for the rows
    # that an ablation does not change.
    kept = frozenset(
        node
        for node in {*used_by_wide, *used_by_narrow, *updates, *frontier, mark, program.output}
        if node not in program.constants and not node.counts_images
    )
    plan = LayerPlan(
        program=program,
        site=mark,
        before=(),  # `keeping` fills in these three
        after=(),
        kept=frozenset(),
        lanes=lanes,
        narrow=narrow,
        wide=wide,
        updates=updates,
        frontier=frontier,
        by_direction=by_direction,
    )
    return plan.keeping(kept)


def _sort(program: Program, mark: Node, *, by_direction: bool) -> tuple[dict[Node, Lanes], tuple[Node, ...]]:
    """Return the lanes of every node that keeps units apart, and all other nodes that an ablation changes."""
    start = Lanes(1, torch.arange(mark.shape[0]).unsqueeze(1))  # unit u lies on channel u
    lanes = {mark: start}
    wide: dict[Node, None] = {}
    for node in program.nodes:
        if node.counts_images or not any(used in lanes or used in wide for used in node.inputs):
            continue
        # One wide argument makes a node wide: where units have mixed, they cannot be told apart again.
        found = None
        rule = rule_for(node)
        if rule is not None and node.batched and not any(used in wide for used in node.inputs):
            found = rule.lanes(node, lanes)
            # A direction runs across all units, so an operation may neither move channels nor make several of one.
            if by_direction and not (rule.is_linear and found is not None and torch.equal(found.table, start.table)):
                found = None
        if found is None:
            wide[node] = None
        else:
            lanes[node] = found
    return lanes, tuple(wide)


def _needed(program: Program, wanted: Collection[Node]) -> tuple[Node, ...]:
    """Return the nodes that the wanted ones are computed from, and these, in order."""
    needed = set(wanted)
    for node in reversed(program.nodes):
        if node in needed:
            needed.update(node.inputs)
    return tuple(node for node in program.nodes if node in needed)


def _check_images_first(nodes: Collection[Node]) -> None:
    for node in nodes:
        if not node.batched:
            raise CannotCapture(
                f"after it the network computes with a tensor whose first dimension is not the images, in {node.name}, "
                "as recurrent layers do, and networks that put tokens before images"
            )
