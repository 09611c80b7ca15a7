"""Several ablations side by side, carried through the operations that keep units apart."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation
from precompute.ablation.graph import Node, forget, last_uses
from precompute.ablation.lanes import Narrow, rule_for
from precompute.ablation.plan import Plan


@dataclass(frozen=True, eq=False)
class Block:
    """What some ablations of equally many units do to a batch of images, up to where units mix.

    Parameters
    ----------
    lanes
        For each frontier node, the positions that each ablation changes: (ablation, lane).
    new
        For each frontier node, what stands there then: (image, ablation, lane, ...).
    change
        The same, minus what stood there.
    no_op
        Which ablations change nothing, (ablation,), bool, on the CPU.
    """

    lanes: dict[Node, Tensor]
    new: dict[Node, Tensor]
    change: dict[Node, Tensor]
    no_op: Tensor

    def changed(self) -> Tensor:
        """Return which rows to compute, (ablation, image), bool: those that differ anywhere, and all of a no-op."""
        differs = torch.stack([(change != 0).flatten(2).any(2) for change in self.change.values()]).any(0).T
        return differs | self.no_op.to(differs.device).unsqueeze(1)


def blocks(ablations: Sequence[Ablation], n_units: int, size: int) -> Iterator[list[int]]:
    """Divide the indices of a list of ablations into runs that touch equally many units, at most `size` in all."""
    for touched, run in groupby(range(len(ablations)), key=lambda index: len(ablations[index].touched(n_units))):
        indices = list(run)
        step = max(1, size // touched)
        yield from (indices[start : start + step] for start in range(0, len(indices), step))


def run_block(plan: Plan, base: dict[Node, Tensor], ablations: Sequence[Ablation]) -> Block:
    """Carry ablations through the narrow part of a network.

    Parameters
    ----------
    plan
        The network and the layer.
    base
        Unablated values, (image, ...), of the nodes that the plan keeps.
    ablations
        Of equally many units each.
    """
    site = base[plan.site]
    touched = torch.tensor([ablation.touched(site.shape[1]) for ablation in ablations], device=site.device)
    lanes = {node: table.to(site.device)[touched].flatten(1) for node, table in plan.lanes.items()}
    narrow = Narrow(
        values={plan.site: torch.cat([_silenced(site, ablation) for ablation in ablations], dim=1)},
        lanes={node: table.flatten() for node, table in lanes.items()},
        whole=(plan.program.constants | base).__getitem__,
        n_units=touched.numel(),
    )
    dead = last_uses(plan.narrow, keep=plan.frontier)
    for node in plan.narrow:
        rule = rule_for(node)
        assert rule is not None
        narrow.values[node] = rule.run(node, narrow)
        forget(narrow.values, dead[node])
    old = {node: base[node].index_select(1, narrow.lanes[node]) for node in plan.frontier}

    def apart(value: Tensor) -> Tensor:
        return value.unflatten(1, (len(ablations), -1))

    return Block(
        lanes={node: lanes[node] for node in plan.frontier},
        new={node: apart(narrow.values[node]) for node in plan.frontier},
        change={node: apart(narrow.values[node] - old[node]) for node in plan.frontier},
        no_op=torch.tensor([ablation.is_no_op for ablation in ablations]),
    )


def _silenced(site: Tensor, ablation: Ablation) -> Tensor:
    """Return what an ablation makes of the units that it touches."""
    if ablation.basis is not None:
        return ablation.apply(site)
    if ablation.values is None:
        return site[:, list(ablation.units)]
    values = torch.tensor(ablation.values, device=site.device)
    return values.view(-1, *(1 for _ in site.shape[2:])).expand(len(site), -1, *site.shape[2:])
