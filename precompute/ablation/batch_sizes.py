"""Choose how many images, ablations and rows are computed together, as far as memory allows."""

from collections.abc import Sequence

import torch

from precompute.ablation.graph import Node, last_uses, size_of
from precompute.ablation.plan import LayerPlan
from precompute.models.device import free_memory

_BYTES = 4

# How often the outputs of a batch of rows are held: also for comparing the two highest, and for a log-probability.
_OUTPUTS = 4

# Most bytes of a value of a batch of rows on a CPU: larger ones do not fit its caches and are allocated anew each time.
_CACHED = 2**24


class Sizes:
    """Batch sizes that keep the engine within a memory budget.

    One third of the budget is for the unablated values of a batch of images, one for a block of ablations, and one for
    the rows on their way through the rest of the network.

    Parameters
    ----------
    plan
        The network and the layer.
    memory_bytes
        The budget.
    batch_size
        Images in one forward pass of the plain method.
    device
        Where the network is.
    """

    def __init__(self, plan: LayerPlan, memory_bytes: int, *, batch_size: int, device: torch.device) -> None:
        share = memory_bytes // (3 * _BYTES)
        images = max(1, share // sum(size_of(node) for node in plan.kept))
        # A multiple of the plain method's batch, where there is room for one such batch.
        self.images = max(min(images, batch_size), images // batch_size * batch_size)
        wide = (*plan.wide, plan.program.output)
        whole = share // (_OUTPUTS * size_of(plan.program.output))
        rows = min(share // _peak(wide), whole)
        if device.type == "cpu":
            rows = min(rows, _CACHED // (_BYTES * max(map(size_of, wide))))
        self.rows = max(1, rows)
        # Few rows of a batch in reduced precision need float32. With more rows there are enough for a fast product.
        self.rows_in_reduced_precision = max(self.rows, min(8 * self.rows, whole))
        # Three of each: the new values, the old ones beside them, and the difference.
        self._units = share // (3 * sum(size_of(node) // len(lanes.table) for node, lanes in plan.lanes.items()))

    def units(self, n_images: int) -> int:
        """Return how many units one block may silence on a batch of `n_images`, added up over its ablations."""
        return max(1, self._units // n_images)


def memory_budget(device: torch.device, sharers: int = 1) -> int:
    """Return how many bytes may be held at a time: a quarter of the free memory, and at most 1 GiB on a CPU.

    Where several processes (`sharers`) share the device, each gets an equal share of the quarter.
    """
    quarter = free_memory(device) // (4 * sharers)
    return min(quarter, 2**30) if device.type == "cpu" else quarter


def _peak(nodes: Sequence[Node]) -> int:
    """Return the most elements that are held at a time, for one image, while nodes run one after the other."""
    dead, made = last_uses(nodes, keep=()), set(nodes)
    held = peak = 0
    for node in nodes:
        held += size_of(node)
        peak = max(peak, held)
        held -= sum(size_of(used) for used in dead[node] if used in made)
    return peak
