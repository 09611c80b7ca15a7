"""The channels that ablations change in a whole value: single ones, or directions across all of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Channels:
    """Each lane is a position on one dimension.

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
        """Lanes of an ablation."""
        return self.index.shape[1]

    def write(self, whole: Tensor, lanes: Tensor, ablation: Tensor) -> None:
        """Put lanes where they belong.

        Parameters
        ----------
        whole
            (row, ...), with channels on their dimension: changed in place.
        lanes
            (row, lane, ...): what stands there then.
        ablation
            (row,): whose lanes these are.
        """
        index, whole = self.index[ablation], whole.movedim(self.axis, 1)  # views: what is written arrives in `whole`
        whole.scatter_(1, index.view(*index.shape, *(1 for _ in lanes.shape[2:])).expand_as(lanes), lanes)

    def shares(self, by_channel: Tensor, ablations: Sequence[int]) -> Iterator[Tensor]:
        """Return, for each ablation, the share of its lanes in the weights of a mixing operation.

        Parameters
        ----------
        by_channel
            (channel, ...): the weights.
        ablations
            Whose lanes.

        Yields
        ------
        Tensor
            (lane, ...)
        """
        return (by_channel.index_select(0, self.index[ablation]) for ablation in ablations)


@dataclass(frozen=True, eq=False)
class Directions:
    """Each lane is a direction in the space of channels, and holds how far along it the ablation moves.

    Parameters
    ----------
    axis
        The dimension of the channels.
    vectors
        (ablation, lane, channel): the directions, of length 1.
    """

    axis: int
    vectors: Tensor

    @property
    def n_lanes(self) -> int:
        """Lanes of an ablation."""
        return self.vectors.shape[1]

    def write(self, whole: Tensor, lanes: Tensor, ablation: Tensor) -> None:
        """Move a whole value along the directions; see `Channels.write`."""
        vectors, lanes, whole = self.vectors[ablation].to(whole), lanes.to(whole), whole.movedim(self.axis, 1)
        if self.n_lanes == 1:
            # The usual case, without a product of matrices for each row.
            whole.addcmul_(lanes, vectors.squeeze(1).view(*whole.shape[:2], *(1 for _ in whole.shape[2:])))
        else:
            whole += torch.einsum("rl...,rlc->rc...", lanes, vectors)

    def shares(self, by_channel: Tensor, ablations: Sequence[int]) -> Iterator[Tensor]:
        """Return the weights as the directions see them; see `Channels.shares`."""
        return iter(torch.tensordot(self.vectors[list(ablations)].to(by_channel), by_channel, dims=1))


ChannelSubset = Channels | Directions
