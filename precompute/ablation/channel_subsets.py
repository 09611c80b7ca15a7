"""What ablations change in a whole value: single channels, or directions across all channels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Channels:
    """Single channels: each lane is a position on one dimension.

    Parameters
    ----------
    axis
        The dimension.
    index
        (ablation, lane): the positions.
    """

    axis: int
    index: Tensor

    @property
    def n_lanes(self) -> int:
        """Number of lanes of one ablation."""
        return self.index.shape[1]

    def write(self, whole: Tensor, lanes: Tensor, ablation: Tensor) -> None:
        """Write the values of lanes into whole values.

        Parameters
        ----------
        whole
            (row, ...), with channels on dimension `axis`. Changed in place.
        lanes
            (row, lane, ...): the values to write.
        ablation
            (row,): the ablation of each row.
        """
        index, whole = self.index[ablation], whole.movedim(self.axis, 1)  # a view: writing to it changes the argument
        whole.scatter_(1, index.view(*index.shape, *(1 for _ in lanes.shape[2:])).expand_as(lanes), lanes)

    def shares(self, by_channel: Tensor, ablations: Sequence[int]) -> Iterator[Tensor]:
        """Return, for each ablation, the weights that a mixing operation applies to its lanes.

        Parameters
        ----------
        by_channel
            (channel, ...): the weights.
        ablations
            Indices of the ablations.

        Yields
        ------
        Tensor
            (lane, ...)
        """
        return (by_channel.index_select(0, self.index[ablation]) for ablation in ablations)


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions in the space of channels: each lane is one, and its values say how far the ablation moves along it.

    Parameters
    ----------
    axis
        The dimension of the channels.
    vectors
        (ablation, lane, channel): the directions, each of length 1.
    """

    axis: int
    vectors: Tensor

    @property
    def n_lanes(self) -> int:
        """Number of lanes of one ablation."""
        return self.vectors.shape[1]

    def write(self, whole: Tensor, lanes: Tensor, ablation: Tensor) -> None:
        """Move whole values along the directions, in place; the parameters are those of `Channels.write`."""
        vectors, lanes, whole = self.vectors[ablation].to(whole), lanes.to(whole), whole.movedim(self.axis, 1)
        if self.n_lanes == 1:
            # The usual case: one direction a row needs no matrix product.
            whole.addcmul_(lanes, vectors.squeeze(1).view(*whole.shape[:2], *(1 for _ in whole.shape[2:])))
        else:
            whole += torch.einsum("rl...,rlc->rc...", lanes, vectors)

    def shares(self, by_channel: Tensor, ablations: Sequence[int]) -> Iterator[Tensor]:
        """Return the weights that apply to the directions; the parameters are those of `Channels.shares`."""
        return iter(torch.tensordot(self.vectors[list(ablations)].to(by_channel), by_channel, dims=1))


ChannelSubset = Channels | Directions
