"""The first operation that mixes units, a linear layer or a convolution, applied to the change of a few lanes.

The new result is the old one plus what the change contributes: W x' = W x + W[:, lanes] (x' - x)[lanes]. So one unit
costs one channel's share of the layer. A convolution of few lanes is computed as a matrix product, with a row for each
output position and a column for each weight of the lanes, because libraries are slow at convolutions of one channel.
"""

from collections.abc import Container, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from precompute.ablation.ablations import Segment
from precompute.ablation.channel_subsets import ChannelSubset
from precompute.ablation.channelwise_rules import Known
from precompute.ablation.graph import Node

aten = torch.ops.aten


Shares = Iterable[tuple[Segment, Tensor]]
"""For each segment of rows, the weights that apply to its ablation's lanes: (lane, kernel position, output)."""


def can_update(node: Node, known: Known, constants: Container[Node]) -> bool:
    """Say whether `node` is a linear layer or an ungrouped convolution of a narrow argument, with constant weights."""
    if node.op not in (aten.linear.default, aten.conv2d.default):
        return False
    source, weight = node.args[:2]
    if source not in known or weight not in constants:
        return False
    axis = known[source].axis
    # A linear layer takes channels on the last dimension. In a grouped convolution a lane reaches some outputs alone.
    return axis == len(source.shape) if node.op is aten.linear.default else axis == 1 and node.args[6] == 1


class Update:
    """Updates the result of one mixing operation; its weights are laid out by input channel.

    Parameters
    ----------
    node
        A node that `can_update` accepts.
    weight
        Its weight, (output, input) or (output, input, height, width).
    """

    def __init__(self, node: Node, weight: Tensor) -> None:
        self.kernel = weight.shape[2:]
        self.how = node.args[3:6]  # of a convolution: stride, padding and dilation
        # (input, kernel position, output): the weights of some lanes are then a few long pieces of memory.
        self.by_channel = weight.flatten(1).unflatten(1, (weight.shape[1], -1)).permute(1, 2, 0).contiguous()

    def add(self, result: Tensor, change: Tensor, channels: ChannelSubset, segments: Sequence[Segment]) -> Tensor:
        """Add what the changed lanes contribute to a batch of old results.

        Parameters
        ----------
        result
            The old results: (row, ..., output) of a linear layer, or (row, output, height, width) of a convolution,
            with channels last in memory. Changed in place, and returned.
        change
            (row, lane, ...): the argument's new value minus its old one, in the lanes of each row's ablation.
        channels
            Where the lanes of each ablation lie in the argument.
        segments
            Which rows belong to which ablation.
        """
        shares = zip(segments, channels.shares(self.by_channel, [s.ablation for s in segments]), strict=True)
        if not self.kernel:
            self._add_product(result, change.movedim(1, -1), shares)
        elif channels.n_lanes * self.kernel.numel() <= result.shape[1]:
            # Here the patches are no larger than the results.
            self._add_product(result.permute(0, 2, 3, 1).flatten(1, 2), self._patches(change), shares)
        else:
            self._add_convolution(result, change, shares)
        return result

    def _add_product(self, result: Tensor, columns: Tensor, shares: Shares) -> None:
        for segment, share in shares:
            rows = segment.rows
            # A view, never a reshape: a reshape may copy, and then the sum would be lost with the copy.
            result[rows].view(-1, result.shape[-1]).addmm_(columns[rows].flatten(0, -2), share.flatten(0, 1))

    def _add_convolution(self, result: Tensor, change: Tensor, shares: Shares) -> None:
        stride, padding, dilation = self.how
        for segment, share in shares:
            weight = share.permute(2, 0, 1).unflatten(2, self.kernel)  # (output, lane, height, width)
            result[segment.rows] += F.conv2d(change[segment.rows], weight, None, stride, padding, dilation)

    def _patches(self, change: Tensor) -> Tensor:
        """Return the inputs of each output position, (row, position, lane * kernel position)."""
        stride, padding, dilation = self.how
        # (row, lane * kernel position, position)
        patches = F.unfold(change, self.kernel, dilation=dilation, padding=padding, stride=stride)
        return patches.transpose(1, 2).contiguous()
