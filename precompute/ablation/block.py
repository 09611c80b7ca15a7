"""A block: several ablations side by side, carried through the operations that keep units apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation, set_to
from precompute.ablation.channel_subsets import Channels, ChannelSubset, Directions
from precompute.ablation.channelwise_rules import Narrow, rule_for
from precompute.ablation.graph import Node, Stretch
from precompute.ablation.plan import LayerPlan


@dataclass(frozen=True, eq=False)
class Block:
    """What some ablations of equally many units do to a batch of images, up to where units mix.

    Parameters
    ----------
    channels
        For each frontier node, where the lanes of each ablation lie.
    new
        For each frontier node, the values to put into the lanes: (image, ablation, lane, ...). For directions, how far
        to move along them.
    change
        For each frontier node, `new` minus the unablated values. For directions, the same as `new`.
    no_op
        (ablation,), bool, on the CPU: which ablations are no-ops.
    """

    channels: dict[Node, ChannelSubset]
    new: dict[Node, Tensor]
    change: dict[Node, Tensor]
    no_op: Tensor

    def changed(self) -> Tensor:
        """Return which rows to compute, (ablation, image), bool: those that change anywhere, and all of a no-op."""
        # NaN != 0, so a row that an ablation turns into NaN is computed too.
        differs = torch.stack([(change != 0).flatten(2).any(2) for change in self.change.values()]).any(0).T
        return differs | self.no_op.to(differs.device).unsqueeze(1)


def blocks(ablations: Sequence[Ablation], size: int) -> Iterator[list[int]]:
    """Divide the indices of a list of ablations into blocks: equally many units an ablation, at most `size` in all."""
    for n_units, run in groupby(range(len(ablations)), key=lambda index: len(ablations[index].units)):
        indices = list(run)
        step = max(1, size // n_units)
        yield from (indices[start : start + step] for start in range(0, len(indices), step))


def run_block(plan: LayerPlan, base: dict[Node, Tensor], ablations: Sequence[Ablation]) -> Block:
    """Carry ablations through the narrow part of a network.

    Parameters
    ----------
    plan
        The network and the layer, planned for units or for directions, whichever the ablations are of.
    base
        Unablated values, (image, ...), of the nodes that the plan keeps.
    ablations
        Of equally many units each.
    """
    no_op = torch.tensor([ablation.is_no_op for ablation in ablations])
    channels, new, change = (_carry_directions if plan.by_direction else _carry_units)(plan, base, ablations)

    # (image, ablation * lane, ...) to (image, ablation, lane, ...)
    def apart(value: Tensor) -> Tensor:
        return value.unflatten(1, (len(ablations), -1))

    return Block(
        channels, {n: apart(value) for n, value in new.items()}, {n: apart(value) for n, value in change.items()}, no_op
    )


_Carried = tuple[dict[Node, ChannelSubset], dict[Node, Tensor], dict[Node, Tensor]]


def _carry_units(plan: LayerPlan, base: dict[Node, Tensor], ablations: Sequence[Ablation]) -> _Carried:
    """Carry the new maps of units.

    The change is computed at the frontier: the operations before it need not be linear, so it cannot be carried.
    """
    site = base[plan.site]
    units = torch.tensor([ablation.units for ablation in ablations], device=site.device)
    # For each node (ablation, lane): the lanes of the ablation's first unit, then those of its second, and so on.
    index = {node: lanes.table.to(site.device)[units].flatten(1) for node, lanes in plan.lanes.items()}
    start = _new_maps(site, units, ablations)
    lanes = {node: table.flatten() for node, table in index.items()}
    new = _carry(plan, base, start, lanes)
    # Both are laid out in lanes: the new value minus the unablated one in the same lanes.
    change = {
        node: value - base[node].movedim(plan.lanes[node].axis, 1).index_select(1, lanes[node])
        for node, value in new.items()
    }
    return {node: Channels(plan.lanes[node].axis, index[node]) for node in new}, new, change


def _new_maps(site: Tensor, units: Tensor, ablations: Sequence[Ablation]) -> Tensor:
    """Return the new maps of the units, (ablation, unit), side by side: (image, ablation * unit, ...)."""
    single = (-1, *(1 for _ in site.shape[2:]))  # broadcasts (ablation * unit,) over images and positions
    maps = set_to(ablations, site).expand(len(site), -1, *site.shape[2:])
    is_no_op = torch.tensor([ablation.is_no_op for ablation in ablations]).repeat_interleave(units.shape[1])
    if not is_no_op.any():
        return maps
    return torch.where(is_no_op.to(site.device).view(single), site.index_select(1, units.flatten()), maps)


def _carry_directions(plan: LayerPlan, base: dict[Node, Tensor], ablations: Sequence[Ablation]) -> _Carried:
    """Carry how far ablations move along their directions, which is all that linear operations need."""
    site = base[plan.site]
    vectors = torch.stack([ablation.directions(site) for ablation in ablations])
    start = torch.cat([ablation.shift(site) for ablation in ablations], dim=1)
    # A direction lies on no channel, so the positions of its lanes are made up. Only linear rules run here, and they
    # use the number of lanes alone.
    lanes = dict.fromkeys(plan.lanes, torch.zeros(start.shape[1], dtype=torch.int64))
    change = _carry(plan, base, start, lanes)
    return {node: Directions(plan.lanes[node].axis, vectors) for node in change}, change, change


def _carry(plan: LayerPlan, base: dict[Node, Tensor], start: Tensor, lanes: dict[Node, Tensor]) -> dict[Node, Tensor]:
    """Run the operations that keep units apart; return the values of frontier nodes, with lanes on dimension 1."""
    narrow = Narrow(
        values={plan.site: start},
        lanes=lanes,
        axis={node: each.axis for node, each in plan.lanes.items()},
        whole=(plan.program.constants | base).__getitem__,
        n_units=start.shape[1],
    )
    for node in Stretch(plan.narrow, keep=plan.frontier).steps(narrow.values):
        rule = rule_for(node)
        assert rule is not None
        narrow.values[node] = rule.run(node, narrow)
    return {node: narrow.values[node].movedim(plan.lanes[node].axis, 1) for node in plan.frontier}
