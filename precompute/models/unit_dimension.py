"""The dimension of a module's output that holds units: found by following dimensions, then tested on the module."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from precompute.models import dimensions as d
from precompute.models.dimensions import Dimension, Dimensions
from precompute.models.operation import dimensions_of
from precompute.models.spatial_rules import has_lost_side
from precompute.models.units_on import Said

Part = tuple[float, float, float, float]
"""Where a map begins and ends, as fractions of the picture: top, left, bottom, right."""


@dataclass(frozen=True)
class UnitPlace:
    """Where the units and the positions of an output are; for the fields see `precompute.models.sites.Site`."""

    unit_dimension: int
    spatial_shape: tuple[int, ...]
    other_tokens: tuple[int, ...] | None = None
    told: bool = False
    part: Part | None = None

    @property
    def as_said(self) -> tuple[int, tuple[int, ...] | None, bool, Part | None]:
        """The dimension of the units, the tokens apart from the picture, whether the user said so, and the part."""
        return self.unit_dimension, self.other_tokens, self.told, self.part


class NoUnits(Exception):
    """An output has no units on one known dimension; the message is a clause that can follow "because".

    Parameters
    ----------
    reason
        The clause.
    way
        A sentence that says what a user can do about it, with ``{name}`` in place of the layer's name.
    """

    def __init__(self, reason: str, *, way: str = "") -> None:
        super().__init__(reason)
        self.way = way


_WAYS = {
    3: "If its last tokens are the picture row by row, say their height and width, as in --units-on {name}=last:14x14; "
    "where its units come before its tokens, {name}=1:14x14.",
    4: "If you know where its units lie, say it by --units-on {name}=last or {name}=1.",
}
_SEVERAL = "Let an nn.Identity take the tensor that is meant: it is a layer."
_PLAIN = "Let an nn.Identity take the plain tensor in it: it is a layer."
_ELSEWHERE = "Look at a layer whose output is (image, unit), (image, unit, row, column) or (image, token, unit)."
_IN_A_ROW = (
    "Say their height and width, as in --units-on {name}=1:1x14 where they are one row. Or let an nn.Identity take "
    "(image, unit, row, column): it is a layer."
)
_TOKENS_FIRST = "Its tokens come first; let it have the images first, as by batch_first=True."
_OTHER_ROWS = "Look at a layer whose rows are the images, or give a network that takes each image once."


def check_shape(output: Any, inputs: Tensor) -> None:
    """Raise `NoUnits` for an output that cannot hold units, whatever its dimensions are.

    Parameters
    ----------
    output
        What a module returns.
    inputs
        (image, channel, height, width), as the network is given them.
    """
    if not isinstance(output, Tensor):
        raise NoUnits(f"it returns {_article(type(output).__name__)} and not one tensor", way=_SEVERAL)
    if type(output).__torch_dispatch__ not in (Tensor.__torch_dispatch__, type(inputs).__torch_dispatch__):
        raise NoUnits(
            f"it returns {_article(type(output).__name__)}, a tensor that computes in ways of its own", way=_PLAIN
        )
    if not output.is_floating_point():
        raise NoUnits("its output holds no floating-point numbers", way=_ELSEWHERE)
    if output.ndim not in (2, 3, 4):
        raise NoUnits(f"its output has {output.ndim} dimension{'s' * (output.ndim != 1)}", way=_ELSEWHERE)
    if len(output) != len(inputs):
        second = output.ndim == 3 and output.shape[1] == len(inputs)
        raise NoUnits(
            f"its output has {len(output)} rows for {len(inputs)} images",
            way=_TOKENS_FIRST if second else _OTHER_ROWS,
        )


def unit_place(output: Tensor, *, said: Said | None = None) -> UnitPlace:
    """Find the units and the positions of an output from what its dimensions hold.

    Parameters
    ----------
    output
        (image, ...), with two to four dimensions, made while the dimensions were followed.
    said
        What the user says about this layer; None where the user says nothing.

    Raises
    ------
    NoUnits
        Where the units' dimension is not known, or the evidence contradicts itself.
    """
    if output.ndim == 2:
        return UnitPlace(1, ())
    try:
        return _place(output, said)
    except NoUnits as error:
        raise NoUnits(str(error), way=error.way if said or error.way else _WAYS[output.ndim]) from error


def _place(output: Tensor, said: Said | None) -> UnitPlace:
    shape, dimensions = tuple(output.shape), dimensions_of(output)
    if dimensions is None:
        dimensions = tuple(d.unknown(size, "") for size in shape)
        if said is None:
            raise NoUnits("its output does not follow from the images by operations that are known here")
    if said is None and d.roles(dimensions[0]) != {d.IMAGE}:
        raise NoUnits("the first dimension of its output is not known to be the images alone")
    if said is not None and output.ndim == 3:
        shown = [axis for axis in (1, 2) if d.is_units(dimensions[axis])]
        if shown and said.dimension % 3 not in shown:
            raise NoUnits(f"its units lie on dimension {shown[0]}, not on {said.dimension} as --units-on says")
        return _tokens_as_said(shape, said)
    axis = _unit_axis(dimensions, said)
    rest = [(shape[i], dimensions[i]) for i in range(1, len(shape)) if i != axis]
    if len(rest) == 2:
        part = None if said is not None else _part([dimension[:1] for _, dimension in rest])
        return UnitPlace(1 if axis == 1 else -1, _grid(rest, trusted=said is not None), part=part)
    if axis == 1:
        raise NoUnits("its output is (image, unit, position), with the positions in a row", way=_IN_A_ROW)
    return _tokens(*rest[0])


def _unit_axis(dimensions: Dimensions, said: Said | None) -> int:
    if said is not None:
        return said.dimension % len(dimensions)
    # Where several dimensions hold units among other things, the only one that holds nothing else decides.
    holding = [axis for axis in range(1, len(dimensions)) if d.UNIT in d.roles(dimensions[axis])]
    pure = [axis for axis in holding if d.is_units(dimensions[axis])]
    if len(holding) != 1 and len(pure) != 1:
        if len(holding) > 1:
            raise NoUnits("its units are divided between two dimensions, as the heads of an attention are")
        raise NoUnits(f"no dimension of its output is known to hold units{_cause(dimensions[1:])}")
    axis = holding[0] if len(holding) == 1 else pure[0]
    if any(d.MIXED in d.roles(each) for each in dimensions[1:]):
        raise NoUnits("its output is made by a linear operation across positions, which says that its units lie there")
    if 1 < axis < len(dimensions) - 1:
        raise NoUnits("its units lie on a dimension in the middle")
    return axis


def _cause(dimensions: Sequence[Dimension]) -> str:
    causes = [factor.cause for dimension in dimensions for factor in dimension if factor.role == d.UNKNOWN]
    named = next(filter(None, causes), None)
    return f", because the operation {named} may move or mix them" if named else ""


def _grid(rest: Sequence[tuple[int, Dimension]], *, trusted: bool) -> tuple[int, ...]:
    sides = tuple(size for size, _ in rest)
    if trusted:
        return sides
    if has_lost_side([dimension for _, dimension in rest]):
        raise NoUnits(
            "its positions are not known to be rows and columns of the picture, because one side was made anew"
        )
    for role, (_, dimension) in zip((d.ROW, d.COLUMN), rest, strict=True):
        if d.is_mute(dimension):
            continue
        if d.UNKNOWN in d.roles(dimension):
            raise NoUnits(f"its positions are not known to be rows and columns of the picture{_cause([dimension])}")
        # The first factor must be all rows (or columns) that are left: windows divide them into two factors. Those that
        # were moved into the units may follow as a unit factor.
        if dimension[0].role != role or d.roles(dimension[1:]) - {d.UNIT} or dimension[0].is_window:
            raise NoUnits("its positions are not rows and columns of the picture in order")
        if any(factor.shift for factor in dimension):
            raise NoUnits("its map is rolled round")
    return sides


def _tokens(n: int, dimension: Dimension) -> UnitPlace:
    is_divided = len(dimension) == 1 and dimension[0].role == d.TOKENS
    parts = dimension[0].parts if is_divided else ((n, dimension),)
    pictures = [factors for _, factors in parts if d.is_picture(factors)]
    if n == 1:
        return UnitPlace(-1, ())
    if len(pictures) != 1:
        raise NoUnits(f"none of its {n} tokens is known to be a part of the picture{_cause([dimension])}")
    (picture,) = pictures
    if [factor.role for factor in picture] != [d.ROW, d.COLUMN]:
        raise NoUnits("its tokens do not follow each other as the rows of the picture do")
    if any(factor.shift for factor in picture):
        raise NoUnits("its map is rolled round")
    begin, others = 0, list[int]()
    for size, factors in parts:
        others += [] if factors == picture else range(begin, begin + size)
        begin += size
    part = _part([(factor,) for factor in picture])
    return UnitPlace(-1, tuple(factor.size for factor in picture), tuple(others), part=part)


def _part(sides: Sequence[Dimension]) -> Part | None:
    """Return the part of the picture that rows and columns cover; None where it is all of it or not known."""
    spans = [factor.whole for side in sides for factor in side if factor.role in (d.ROW, d.COLUMN)]
    down, across = [*spans, None, None][:2] if len(spans) == 2 else (None, None)
    if down is None or across is None or (down.is_whole and across.is_whole):
        return None
    return down.first, across.first, down.last, across.last


def _tokens_as_said(shape: tuple[int, ...], said: Said) -> UnitPlace:
    if not said.grid:
        raise NoUnits(
            "its output has three dimensions, and --units-on does not say which of its tokens are the picture",
            way=_WAYS[3],
        )
    n = shape[1] if said.dimension == -1 else shape[2]
    others = n - said.grid[0] * said.grid[1]
    if others < 0:
        raise NoUnits(
            f"it has {n} tokens, fewer than the {said.grid[0]} x {said.grid[1]} that --units-on names as the picture"
        )
    return UnitPlace(said.dimension, said.grid, tuple(range(others)))


# Trying it out


def contradiction(module: nn.Module, given: tuple[Any, ...], output: Tensor, unit_dimension: int) -> None:
    """Change one unit and see where the output changes; raise `NoUnits` where this contradicts `unit_dimension`.

    In a module with weights for each unit, the weights of one unit are changed; in any other, its input at one place on
    the units' dimension. If the output then changes at one place on another dimension, and at several on this one, the
    units lie on the other. A module that contains others is not tested, because those made its output.

    Parameters
    ----------
    module
        A module in evaluation mode.
    given
        The positional arguments that the module was called with.
    output
        What the module returned.
    unit_dimension
        The dimension that is believed to hold the units.
    """
    if any(module.children()) or output.ndim == 2:
        return
    axis = unit_dimension % output.ndim
    trial = _by_weights if isinstance(module._parameters.get("weight"), Tensor) else _by_input
    # A test that the module does not accept says nothing.
    with suppress(RuntimeError, TypeError, ValueError, IndexError):
        difference = trial(module, given, output.shape[axis], axis)
        places = [] if difference is None else [_places(difference, each) for each in range(1, output.ndim)]
        if places and places[axis - 1] > 1 and 1 in [n for i, n in enumerate(places, 1) if output.shape[i] > 1]:
            other = places.index(1) + 1
            raise NoUnits(
                f"its units should lie on dimension {axis}, but a change of one comes out on dimension {other}"
            )


def _by_weights(module: nn.Module, given: tuple[Any, ...], n_units: int, axis: int) -> Tensor | None:
    weight = module._parameters["weight"]
    assert weight is not None
    if len(weight) != n_units or getattr(module, "transposed", False):
        return None
    kept, before = weight.data[n_units // 2].clone(), module.forward(*_copied(given))
    try:
        weight.data[n_units // 2] += 1
        return module.forward(*_copied(given)) != before
    finally:
        weight.data[n_units // 2] = kept


def _by_input(module: nn.Module, given: tuple[Any, ...], n_units: int, axis: int) -> Tensor | None:
    if len(given) != 1 or not isinstance(given[0], Tensor) or given[0].shape[axis] != n_units:
        return None
    before, after = _copied(given * 2)
    after.select(axis, n_units // 2).add_(1)
    return module.forward(after) != module.forward(before)


def _places(difference: Tensor, axis: int) -> int:
    """Return at how many places on a dimension the output differs."""
    return int(difference.movedim(axis, 0).flatten(1).any(1).sum())


def _copied(given: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(each.clone() if isinstance(each, Tensor) else each for each in given)


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
