"""Several ablations side by side, carried through the operations that keep units apart."""

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
        For each frontier node, what to write there: (image, ablation, lane, ...).
    change
        The same, minus what stood there.
    no_op
        Which ablations change nothing, (ablation,), bool, on the CPU.
    """

    channels: dict[Node, ChannelSubset]
    new: dict[Node, Tensor]
    change: dict[Node, Tensor]
    no_op: Tensor

    def changed(self) -> Tensor:
        """Return which rows to compute, (ablation, image), bool: those that differ anywhere, and all of a no-op."""
        # NaN differs from 0, so that a row that an ablation leaves without numbers is computed too.
        differs = torch.stack([(change != 0).flatten(2).any(2) for change in self.change.values()]).any(0).T
        return differs | self.no_op.to(differs.device).unsqueeze(1)


def blocks(ablations: Sequence[Ablation], size: int) -> Iterator[list[int]]:
    """Divide the indices of a list of ablations into runs of equally many units each, at most `size` in all."""
    for n_units, run in groupby(range(len(ablations)), key=lambda index: len(ablations[index].units)):
        indices = list(run)
        step = max(1, size // n_units)
        yield from (indices[start : start + step] for start in range(0, len(indices), step))


def run_block(plan: LayerPlan, base: dict[Node, Tensor], ablations: Sequence[Ablation]) -> Block:
    """Carry ablations through the narrow part of a network.

    Parameters
    ----------
    plan
        The network and the layer; for units or for directions, as the ablations are.
    base
        Unablated values, (image, ...), of the nodes that the plan keeps.
    ablations
        Of equally many units each.
    """
    no_op = torch.tensor([ablation.is_no_op for ablation in ablations])
    channels, new, change = (_turned if plan.by_direction else _silenced)(plan, base, ablations)

    # (image, ablation * lane, ...) to (image, ablation, lane, ...)
    def apart(value: Tensor) -> Tensor:
        return value.unflatten(1, (len(ablations), -1))

    return Block(
        channels, {n: apart(value) for n, value in new.items()}, {n: apart(value) for n, value in change.items()}, no_op
    )


_Carried = tuple[dict[Node, ChannelSubset], dict[Node, Tensor], dict[Node, Tensor]]


def _silenced(plan: LayerPlan, base: dict[Node, Tensor], ablations: Sequence[Ablation]) -> _Carried:
    """Carry the new maps of units; the change is taken at the end, since what lies between need not be linear."""
    site = base[plan.site]
    units = torch.tensor([ablation.units for ablation in ablations], device=site.device)
    # (ablation, lane) for each node: those of the ablation's first unit, then those of its second ...
    index = {node: lanes.table.to(site.device)[units].flatten(1) for node, lanes in plan.lanes.items()}
    start = _set(site, units, ablations)
    lanes = {node: table.flatten() for node, table in index.items()}
    new = _carry(plan, base, start, lanes)
    change = {
        node: value - base[node].movedim(plan.lanes[node].axis, 1).index_select(1, lanes[node])
        for node, value in new.items()
    }
    return {node: Channels(plan.lanes[node].axis, index[node]) for node in new}, new, change


def _set(site: Tensor, units: Tensor, ablations: Sequence[Ablation]) -> Tensor:
    """Return the new maps of units (ablation, unit), side by side: (image, ablation * unit, ...)."""
    single = (-1, *(1 for _ in site.shape[2:]))  # broadcasts (ablation * unit,) over images and positions
    maps = set_to(ablations, site).expand(len(site), -1, *site.shape[2:])
    is_no_op = torch.tensor([ablation.is_no_op for ablation in ablations]).repeat_interleave(units.shape[1])
    if not is_no_op.any():
        return maps
    return torch.where(is_no_op.to(site.device).view(single), site.index_select(1, units.flatten()), maps)


def _turned(plan: LayerPlan, base: dict[Node, Tensor], ablations: Sequence[Ablation]) -> _Carried:
    """Carry how far ablations move along their directions, which is all that linear operations need."""
    site = base[plan.site]
    vectors = torch.stack([ablation.directions(site) for ablation in ablations])
    start = torch.cat([ablation.shift(site) for ablation in ablations], dim=1)
    # A direction has no position among the channels. Linear rules alone run here, and they ask for their number only.
    lanes = dict.fromkeys(plan.lanes, torch.zeros(start.shape[1], dtype=torch.int64))
    change = _carry(plan, base, start, lanes)
    return {node: Directions(plan.lanes[node].axis, vectors) for node in change}, change, change


def _carry(plan: LayerPlan, base: dict[Node, Tensor], start: Tensor, lanes: dict[Node, Tensor]) -> dict[Node, Tensor]:
    """Run the operations that keep units apart, and return the values that others need, lanes on dimension 1."""
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
