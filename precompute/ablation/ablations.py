"""Types that the plain method and the engine share: ablations, the rows that they change, the `Ablater` protocol."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from precompute.ablation.sweep_stats import SweepStats

if TYPE_CHECKING:
    from precompute.ablation.graph import Program
    from precompute.ablation.plain import PlainAblater


@dataclass(frozen=True, eq=False)
class Ablation:
    """Units of one layer that are set to fixed values together, on every image and at every position.

    With a basis, the units are those of the rotated layer: coordinate k of the layer's output f is its projection on
    column q_k, and the ablation sets it to its value while the others stay, f' = f - q_k (q_k . f - value).
    Without one, the basis is the layer's own and f' is f with some channels overwritten.

    Parameters
    ----------
    units
        Indices of the units, or of the basis's columns. Each at most once.
    values
        What each unit is set to: 0 for zero ablation, the unit's mean for mean ablation. As many as units. None for an
        ablation that changes nothing: each unit is set to its own map, and no row is skipped for being unchanged.
    basis
        Shape (unit, direction), orthonormal columns, float32. Ablations of one sweep usually share one tensor.
    by_position
        Shape (unit, position): what each unit is set to at each position, where that is not the same at all. Without a
        basis only.
    """

    units: tuple[int, ...]
    values: tuple[float, ...] | None
    basis: Tensor | None = None
    by_position: Tensor | None = None

    def __post_init__(self) -> None:
        if self.values is not None and len(self.units) != len(self.values):
            raise ValueError(f"Expected one value for each unit, but got {len(self.values)} for {len(self.units)}.")
        if len(set(self.units)) != len(self.units):
            raise ValueError(f"Expected each unit once, but got {self.units}.")

    @property
    def is_no_op(self) -> bool:
        """Whether it changes nothing."""
        return self.values is None

    def apply(self, output: Tensor) -> Tensor:
        """Return the layer's output with the units set, as a new tensor.

        Parameters
        ----------
        output
            Shape (image, unit) or (image, unit, height, width).

        Returns
        -------
        Tensor
            Of the same shape, dtype and device. The argument is left as it was.
        """
        if self.values is None:
            return output.clone()
        if self.basis is None:
            index = torch.tensor(self.units, dtype=torch.int64, device=output.device)
            return output.index_copy(1, index, set_to([self], output).expand(output.shape[0], -1, *output.shape[2:]))
        # f' = f + the sum over k of (value - q_k . f) q_k
        return output + torch.einsum("nk...,ku->nu...", self.shift(output), self.directions(output))

    def directions(self, output: Tensor) -> Tensor:
        """Return the columns of the basis that the ablation sets, (direction, unit), as an output's dtype has it."""
        assert self.basis is not None
        return self.basis.to(output)[:, list(self.units)].T

    def shift(self, output: Tensor) -> Tensor:
        """Return how far the ablation moves a layer's output along each of its directions, (image, direction, ...)."""
        if self.values is None:
            return output.new_zeros(len(output), len(self.units), *output.shape[2:])
        values = torch.tensor(self.values, dtype=output.dtype, device=output.device)
        coordinates = torch.einsum("nu...,ku->nk...", output, self.directions(output))
        return values.view(-1, *(1 for _ in output.shape[2:])) - coordinates


def each_unit(values: Sequence[float], by_position: Tensor | None = None) -> list[Ablation]:
    """Return one ablation for each unit of a layer, in order.

    Parameters
    ----------
    values
        What each unit is set to; its length is the layer's number of units.
    by_position
        (unit, position): what each unit is set to at each position, where that is not the same at all.
    """
    return [
        Ablation((unit,), (float(value),), by_position=None if by_position is None else by_position[unit : unit + 1])
        for unit, value in enumerate(values)
    ]


def set_to(ablations: Sequence[Ablation], output: Tensor) -> Tensor:
    """Return what ablations of equally many units set these to, side by side, as a layer's output has it.

    Returns
    -------
    Tensor
        (1, ablation * unit, ...), of size 1 along positions where these do not matter. Zero for those that change
        nothing.
    """
    # One table for all: to move the values of each ablation by themselves would have a GPU wait as often.
    values = [ablation.values or (0.0,) * len(ablation.units) for ablation in ablations]
    flat = torch.tensor(values).view(1, -1, *(1 for _ in output.shape[2:]))
    if any(ablation.by_position is not None for ablation in ablations):
        each = flat.expand(-1, -1, *output.shape[2:]).unflatten(1, (len(ablations), -1))[0]  # (ablation, unit, ...)
        maps = [
            one.by_position if one.by_position is not None else same for one, same in zip(ablations, each, strict=True)
        ]
        flat = torch.cat(maps)[None]
    return flat.to(output)


@dataclass(frozen=True)
class Segment:
    """Consecutive rows, `start` to `stop`, that belong to one ablation."""

    ablation: int
    start: int
    stop: int

    @property
    def rows(self) -> slice:
        """Where the rows are."""
        return slice(self.start, self.stop)


def segments(ablation: Tensor) -> list[Segment]:
    """Return where each ablation's rows begin and end, given the ablation of every row, ascending and on the CPU."""
    ablations, counts = torch.unique_consecutive(ablation, return_counts=True)
    stops = counts.cumsum(0)
    # One list for all: each number by itself would be a conversion of its own.
    table = torch.stack([ablations, stops - counts, stops], dim=1)
    return [Segment(*row) for row in table.tolist()]


@dataclass(frozen=True, eq=False)
class Changed:
    """Outputs of the network for images and ablations where they may differ from the baseline.

    A row is one image under one ablation.

    Parameters
    ----------
    ablation
        Shape (row,), int64, ascending, on the CPU: indices into the list of ablations that was given.
    image
        Shape (row,), int64, on the CPU: indices of images of the shard.
    logits
        Shape (row, output), float32, on the network's device.
    at_first
        Shape (row,), int64: the highest output as it was computed first, before rows that were too close to call were
        computed again, of rows whose ablation changes nothing; -1 for others. None where no such row can be.
    """

    ablation: Tensor
    image: Tensor
    logits: Tensor
    at_first: Tensor | None = None

    def __len__(self) -> int:
        return len(self.ablation)

    def part(self, rows: slice) -> "Changed":
        """Return some consecutive rows."""
        at_first = None if self.at_first is None else self.at_first[rows]
        return Changed(self.ablation[rows], self.image[rows], self.logits[rows], at_first)


class Sweeper(Protocol):
    """Anything that can run a network with units of one layer silenced."""

    def sweep(self, inputs: Tensor, ablations: Sequence[Ablation], at_layer: Tensor | None = None) -> Iterator[Changed]:
        """Run every ablation on every image of a shard.

        Parameters
        ----------
        inputs
            Shape (image, ...): preprocessed images, as the network takes them.
        ablations
            What to silence, one after the other.
        at_layer
            Shape (image, unit, ...): what the layer makes of the images with nothing ablated, on the network's device,
            where it is at hand. It can spare the way up to the layer.

        Yields
        ------
        Changed
            Rows of one or more ablations; those of one ablation may come in several. No row comes twice. Where a row
            does not come, the outputs are the baseline's.
        """
        ...


class Ablater(Sweeper, Protocol):
    """A way to sweep one layer: the engine, or the plain method."""

    @property
    def plain(self) -> "PlainAblater":
        """The plain method on the same layer: the reference. The plain method is its own."""
        ...

    @property
    def program(self) -> "Program | None":
        """The network, operation by operation as it was recorded; None where it was not."""
        ...

    @property
    def needs_layer_alone(self) -> bool:
        """Whether the layer's output is all that a sweep of units needs of the network's way up to it."""
        ...

    @property
    def memory_bytes(self) -> int:
        """How much memory a sweep may hold at a time, about, beside one forward pass."""
        ...

    @property
    def counts(self) -> SweepStats | None:
        """What was done with the rows of all sweeps since `start_counting`; None where every row is a whole pass."""
        ...

    def start_counting(self) -> None:
        """Set `counts` to nothing done."""
        ...
