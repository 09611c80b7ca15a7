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

    Without a basis, the ablation overwrites some channels of the layer's output f.
    With a basis, the "units" are directions across the channels. Coordinate k of f is its projection on column q_k of
    the basis. The ablation sets this coordinate and leaves the others: f' = f - q_k (q_k . f - value).

    Parameters
    ----------
    units
        Indices of the units, or of the columns of the basis; each at most once.
    values
        What each unit is set to, one value a unit: 0 for zero ablation, the unit's mean for mean ablation. None for a
        no-op: each unit is set to its own map. Its rows are computed although they do not change.
    basis
        (unit, direction), float32, with orthonormal columns. Ablations of one sweep usually share one tensor.
    by_position
        (unit, ...): what each unit is set to at each position, where that differs from position to position. The
        dimensions after the unit are those of the layer's output. It goes before `values`. Only without a basis.
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
        """Whether it sets units to their own maps, and so changes nothing."""
        return self.values is None

    def apply(self, output: Tensor) -> Tensor:
        """Return the layer's output with the units set, as a new tensor.

        Parameters
        ----------
        output
            (image, unit, ...).

        Returns
        -------
        Tensor
            Of the same shape, dtype and device. The argument does not change.
        """
        if self.values is None:
            return output.clone()
        if self.basis is None:
            index = torch.tensor(self.units, dtype=torch.int64, device=output.device)
            return output.index_copy(1, index, set_to([self], output).expand(output.shape[0], -1, *output.shape[2:]))
        # f' = f + the sum over k of (value - q_k . f) q_k
        return output + torch.einsum("nk...,ku->nu...", self.shift(output), self.directions(output))

    def directions(self, output: Tensor) -> Tensor:
        """Return the columns of the basis that the ablation sets, (direction, unit), in the dtype of an output."""
        assert self.basis is not None
        return self.basis.to(output)[:, list(self.units)].T

    def shift(self, output: Tensor) -> Tensor:
        """Return how far the ablation moves a layer's output along each direction, (image, direction, ...)."""
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
        What each unit is set to, one value for every unit of the layer.
    by_position
        (unit, ...): as for `Ablation`, for every unit of the layer.
    """
    return [
        Ablation((unit,), (float(value),), by_position=None if by_position is None else by_position[unit : unit + 1])
        for unit, value in enumerate(values)
    ]


def set_to(ablations: Sequence[Ablation], output: Tensor) -> Tensor:
    """Return the values that ablations of equally many units set, side by side, in a layer's dtype and on its device.

    Returns
    -------
    Tensor
        (1, ablation * unit, ...), of size 1 along the positions unless some ablation sets units by position. Zero for
        no-ops.
    """
    # One table for all ablations: a GPU would wait once for each copy.
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
    # One conversion for the whole table is faster than one for each number.
    table = torch.stack([ablations, stops - counts, stops], dim=1)
    return [Segment(*row) for row in table.tolist()]


@dataclass(frozen=True, eq=False)
class Changed:
    """Outputs of the network on the rows that an ablation may change; a row is one image under one ablation.

    Parameters
    ----------
    ablation
        (row,), int64, ascending, on the CPU: index into the list of ablations that was given.
    image
        (row,), int64, on the CPU: index of the image in the shard.
    logits
        (row, output), float32, on the network's device.
    at_first
        (row,), int64: for a row of a no-op, its highest output before close calls were computed again; -1 for other
        rows. None where no row is of a no-op, or where nothing is computed again.
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
    """What runs a network with units of one layer silenced."""

    def sweep(self, inputs: Tensor, ablations: Sequence[Ablation], at_layer: Tensor | None = None) -> Iterator[Changed]:
        """Run every ablation on every image of a shard.

        Parameters
        ----------
        inputs
            (image, ...): preprocessed images, as the network takes them.
        ablations
            What to silence, one ablation after the other.
        at_layer
            (image, unit, ...): the layer's unablated output for the images, on the network's device, where the caller
            has it. It can save computing the network up to the layer.

        Yields
        ------
        Changed
            Rows of one or more ablations. The rows of one ablation may come in several parts; no row comes twice. A
            row that does not come has the outputs of the unablated network.
        """
        ...


class Ablater(Sweeper, Protocol):
    """A way to sweep one layer: the engine, or the plain method."""

    @property
    def plain(self) -> "PlainAblater":
        """The plain method on the same layer, which is the reference; the plain method returns itself."""
        ...

    @property
    def program(self) -> "Program | None":
        """The network as it was recorded, operation by operation; None where it was not recorded."""
        ...

    @property
    def needs_layer_alone(self) -> bool:
        """Whether a sweep of units can start from the layer's output alone."""
        ...

    @property
    def memory_bytes(self) -> int:
        """About how many bytes a sweep may hold at a time, beside one forward pass."""
        ...

    @property
    def counts(self) -> SweepStats | None:
        """Statistics of the sweeps since `start_counting`; None for the plain method, which runs whole passes."""
        ...

    def start_counting(self) -> None:
        """Set `counts` to zero."""
        ...
