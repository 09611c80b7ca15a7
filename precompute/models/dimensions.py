"""What the dimensions of a tensor hold: images, units, rows and columns of the picture, or tokens.

A dimension is a product of factors, the slowest-varying first: (height, width) flattened is a row factor and a column
factor, and a window of it has a part of each. So reshapes and permutations are followed exactly: factors that were
split and come together again become whole again. Where nothing is known, the role of a factor is `UNKNOWN`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import prod

from precompute.models.span import Span, together

IMAGE, UNIT, ROW, COLUMN = "image", "unit", "row", "column"
TOKENS = "tokens"
"""A sequence of parts: tokens of the picture, and tokens apart from it, such as the class token."""
MIXED = "mixed"
"""Made by a linear operation across positions: holds neither units nor places of the picture."""
ANY = "any"
"""The same everywhere along the dimension, or independent of the image."""
UNKNOWN = "unknown"

MOVING = {
    *("flip", "rot90", "roll", "grid_sampler_2d", "grid_sampler", "cudnn_grid_sampler", "index", "index_select", "cat"),
    *("gather", "sort", "topk", "take", "scatter", "scatter_add", "scatter_reduce", "index_add", "index_copy", "put"),
    *("index_reduce", "masked_scatter", "masked_select", "_fft_r2c", "_fft_c2c", "repeat", "permute", "slice"),
    *("as_strided", "narrow_copy", "slice_copy", "permute_copy", "transpose_copy", "unbind_copy", "split_copy"),
}
"""Operations after which rows and columns are not where the picture has them."""


@dataclass(frozen=True)
class Factor:
    """One factor of a dimension.

    Parameters
    ----------
    role
        What the factor holds: one of the words above.
    size
        Its length.
    step
        The distance from one entry to the next, within the whole dimension that the factor is a part of.
    shift
        By how many rows or columns the whole dimension is rolled.
    parts
        For `TOKENS`: the size and the factors of each part; tokens apart from the picture have no factors.
    cause
        For `UNKNOWN`: the operation that may have moved or mixed what lay there.
    axis
        For `UNKNOWN`: which dimension of that operation's result it was; 0 where that is not known.
    span
        For `ROW` and `COLUMN`: the part of the picture that the whole dimension covers; None where it is not known.
    """

    role: str
    size: int
    step: int = 1
    shift: int = 0
    parts: tuple[tuple[int, "Dimension"], ...] = ()
    cause: str = field(default="", compare=False)
    axis: int = field(default=0, compare=False)
    span: Span | None = field(default=None, compare=False)

    @property
    def whole(self) -> Span | None:
        """The part of the picture that its cells cover; None for a part of a dimension, such as a window."""
        return None if self.span is None or self.is_window else self.span.resized(self.size)

    @property
    def is_window(self) -> bool:
        """Whether it is a part of rows or columns of which the rest lies elsewhere, such as one window of several."""
        return self.span is not None and self.size * self.step != self.span.n


Dimension = tuple[Factor, ...]
"""Empty for a dimension of size 1 that holds nothing of its own."""

Dimensions = tuple[Dimension, ...]

Window = tuple[float, float]
"""Cell i of a new map is centred on cell `stride` i + `centre` of the one before: (stride, centre)."""


def one_factor(role: str, size: int) -> Dimension:
    """Return a dimension of one factor."""
    return (Factor(role, size),)


def of_picture(role: str, size: int) -> Factor:
    """Return rows or columns that cover all of the picture."""
    return Factor(role, size, span=Span.of_picture(size))


def unknown(size: int, cause: str) -> Dimension:
    """Return a dimension of which nothing is known, and the operation that is the cause."""
    return (Factor(UNKNOWN, size, cause=cause),)


def cause_in(dimensions: Iterable[Dimension], otherwise: str) -> str:
    """Return why something is unknown: the operation that moved places, or the first that was not followed."""
    causes = [f.cause for dimension in dimensions for f in dimension if f.role == UNKNOWN and f.cause]
    return next((cause for cause in causes if cause in MOVING), next(iter(causes), otherwise))


def cause_behind(dimensions: Iterable[Dimension], otherwise: str) -> str:
    """Return why something is unknown behind an operation that is not followed; a part of a picture stays a part."""
    held = list(dimensions)
    cause = cause_in(held, otherwise)
    cut = any(f.whole is not None and f.whole.is_cut for dimension in held for f in dimension)
    return "slice" if cut and cause not in MOVING else cause


def roles(dimension: Dimension) -> set[str]:
    """Return the roles of a dimension's factors, without `ANY`, which says nothing."""
    return {factor.role for factor in dimension} - {ANY}


def is_units(dimension: Dimension) -> bool:
    """Say whether a dimension holds units and nothing else."""
    return roles(dimension) == {UNIT}


def is_picture(dimension: Dimension) -> bool:
    """Say whether a dimension holds rows or columns of the picture, or both, and nothing else."""
    return bool(dimension) and all(factor.role in (ROW, COLUMN) for factor in dimension)


def is_mute(dimension: Dimension) -> bool:
    """Say whether a dimension holds nothing in particular: it is empty, or all its factors are `ANY`."""
    return not roles(dimension)


def size_of(dimension: Dimension) -> int:
    """Return the length of a dimension."""
    return prod(factor.size for factor in dimension)


def reshaped(dimensions: Dimensions, old: Sequence[int], new: Sequence[int]) -> Dimensions:
    """Follow a reshape.

    Parameters
    ----------
    dimensions
        Those of the tensor before the reshape.
    old, new
        The tensor's shape before and after.
    """
    first = _common(old, new)
    last = _common(old[first:][::-1], new[first:][::-1])
    middle = [factor for dimension in dimensions[first : len(old) - last] for factor in dimension if factor.size > 1]
    sizes = new[first : len(new) - last]
    return (*dimensions[:first], *_dealt(middle, sizes), *dimensions[len(old) - last :])


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many leading sizes two shapes have in common."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _dealt(factors: list[Factor], sizes: Sequence[int]) -> Dimensions:
    """Assign factors, in order, to dimensions of the given sizes; split a factor where a size ends inside it."""
    waiting, found = list(factors), []
    for size in sizes:
        taken: list[Factor] = []
        missing = size
        while missing > 1:
            if not waiting:
                return _lost(factors, sizes)
            factor = waiting.pop(0)
            # A factor that fits is taken whole. One that is too long is split: its slower part belongs to this size,
            # its faster part to the next one. Tokens differ from part to part and cannot be split.
            if missing % factor.size == 0:
                taken.append(factor)
                missing //= factor.size
            elif factor.size % missing == 0 and factor.role != TOKENS:
                rest = factor.size // missing
                taken.append(replace(factor, size=missing, step=factor.step * rest))
                waiting.insert(0, replace(factor, size=rest))
                missing = 1
            else:
                return _lost(factors, sizes)
        found.append(joined(taken))
    return tuple(found)


def _lost(factors: Sequence[Factor], sizes: Sequence[int]) -> Dimensions:
    return tuple(unknown(size, cause_behind([tuple(factors)], "reshape")) for size in sizes)


def joined(factors: Sequence[Factor]) -> Dimension:
    """Return a dimension made of factors; adjacent parts of the same whole become one factor."""
    found: list[Factor] = []
    for factor in factors:
        last = found[-1] if found else None
        # Two parts of one whole lie next to each other where one step of the slower spans the whole of the faster.
        if (
            last is not None
            and last.role == factor.role != TOKENS
            and last.shift == factor.shift
            and (last.step == factor.step * factor.size or factor.role == ANY)
        ):
            found[-1] = replace(factor, size=last.size * factor.size, cause=cause_in([(last, factor)], ""))
        else:
            found.append(factor)
    return tuple(found)


def resized(dimension: Dimension, size: int, cause: str, window: Window | None = None) -> Dimension:
    """Follow a dimension whose length changes, as by padding, pooling or slicing.

    Parameters
    ----------
    dimension
        What it held.
    size
        Its new length.
    cause
        The operation.
    window
        Says where the new cells lie; None where they cover the same part of the picture as before.
    """
    # Rows that were pooled or padded are still rows, in order. Rows and columns in one dimension are not: a part of
    # them cannot be laid out as a grid again.
    if _is_side(dimension):
        (factor,) = dimension
        if factor.whole is not None and not (factor.step > 1 and factor.size == size):
            span = factor.whole.resized(size) if window is None else factor.whole.through(*window, size)
            return (replace(factor, size=size, step=1, span=span),)
        if factor.is_window and factor.size != size:
            return unknown(size, "slice")  # of a part of the picture, and which is not followed
        return dimension if factor.size == size else (replace(factor, size=size, step=1, span=None),)
    if size_of(dimension) == size:
        return dimension
    if is_units(dimension):
        return one_factor(UNIT, size)
    if roles(dimension) <= {MIXED}:
        return one_factor(MIXED if roles(dimension) else ANY, size)
    if roles(dimension) == {UNKNOWN} and len(dimension) == 1:
        return (replace(dimension[0], size=size, step=1, cause=cause_in([dimension], cause)),)
    return unknown(size, cause_behind([dimension], cause))


def is_turned(dimensions: Dimensions) -> bool:
    """Say whether rows and columns of (image, a, b, c) were exchanged, also where an operation was not followed.

    Moving units from one end to the other, as between (image, unit, row, column) and (image, row, column, unit), keeps
    the three in the same order in a circle.
    """
    places = [(i, axis) for i, axis in enumerate(_axes(dimensions)) if axis]
    return any((then - axis - (j - i)) % 3 for (i, axis), (j, then) in pairwise(places))


def is_lost_place(dimension: Dimension) -> bool:
    """Say whether a dimension of what was not followed may hold rows or columns, as its second and third do."""
    return len(dimension) == 1 and dimension[0].role == UNKNOWN and dimension[0].axis > 1


def has_places(dimensions: Dimensions) -> bool:
    """Say whether (image, a, b, c) has rows or columns, or what may be some."""
    return any(_axes(dimensions))


def _axes(dimensions: Dimensions) -> list[int]:
    """Return which of 1, 2, 3 each dimension was in the result that was not followed, or as units, rows and columns."""
    if len(dimensions) != 4:
        return []
    alone = [each[0] if len(each) == 1 else None for each in dimensions]
    lost = [factor.axis if factor else 0 for factor in alone]
    return lost if any(lost) else [{ROW: 2, COLUMN: 3}.get(factor.role, 0) if factor else 0 for factor in alone]


def sliced(dimension: Dimension, size: int, start: int, step: int) -> Dimension:
    """Follow a slice of `size` places: every `step`-th from `start` on."""
    if len(dimension) == 1 and dimension[0].role == TOKENS and step == 1:
        return _cut(dimension[0].parts, start, start + size)
    n = size_of(dimension)
    if is_lost_place(dimension) and (start >= step or n - start > step * size):
        return unknown(size, "slice")
    return resized(dimension, size, "slice", (step, start))


def _cut(parts: tuple[tuple[int, Dimension], ...], start: int, stop: int) -> Dimension:
    kept: list[tuple[int, Dimension]] = []
    begin = 0
    for size, factors in parts:
        inside = min(stop, begin + size) - max(start, begin)
        if inside > 0 and factors and inside < size:
            return unknown(stop - start, "slice")
        if inside > 0:
            kept.append((inside, factors))
        begin += size
    return of_parts(kept)


def of_parts(parts: Sequence[tuple[int, Dimension]]) -> Dimension:
    """Return a dimension made of parts in a row: parts of the picture, and parts without factors, apart from it."""
    merged: list[tuple[int, Dimension]] = []
    for size, factors in parts:
        if merged and not factors and not merged[-1][1]:
            merged[-1] = (merged[-1][0] + size, ())
        else:
            merged.append((size, factors))
    if len(merged) == 1:
        size, factors = merged[0]
        return factors or one_factor(ANY, size)
    return (Factor(TOKENS, sum(size for size, _ in merged), parts=tuple(merged)),)


def concatenated(dimensions: Sequence[Dimension], sizes: Sequence[int]) -> Dimension:
    """Follow a concatenation along a dimension, given what each tensor holds on it."""
    total, cause = sum(sizes), cause_in(dimensions, "cat")
    saying = [dimension for dimension in dimensions if not is_mute(dimension)]
    if not saying:
        return one_factor(ANY, total)
    if all(is_units(dimension) for dimension in saying):
        return one_factor(UNIT, total)
    if len(saying) == 1 and _is_side(saying[0]):
        return resized(saying[0], total, "cat", (1, -sum(sizes[: list(dimensions).index(saying[0])])))
    # Tokens of the picture beside others, such as a class token.
    parts: list[tuple[int, Dimension]] = []
    for dimension, size in zip(dimensions, sizes, strict=True):
        if is_mute(dimension):
            parts.append((size, ()))
        elif roles(dimension) == {TOKENS}:
            parts.extend(dimension[0].parts)
        elif roles(dimension) == {ROW, COLUMN}:
            parts.append((size, dimension))
        else:
            return unknown(total, cause)
    # Two pictures in one sequence would leave open which of them the positions belong to.
    return of_parts(parts) if sum(bool(factors) for _, factors in parts) == 1 else unknown(total, cause)


def matched(dimensions: Sequence[Dimension], size: int, cause: str) -> Dimension:
    """Follow an element-wise operation along one dimension, given what each argument holds on it."""
    # An argument that holds nothing in particular, such as a bias, says nothing; one that is known outweighs unknown,
    # as around the attention of a block. Not so where the unknown one has places of the picture elsewhere.
    told = [dimension for dimension in dimensions if not is_mute(dimension) and size_of(dimension) == size]
    moved = cause_in(told, "")
    # Tokens of which some were cut off are too few to be added to all. What was cut are the units of a head, as where
    # their halves are turned by the place of a token.
    if moved in MOVING and any(_is_side(each) if moved == "slice" else _has_place(each) for each in told):
        return unknown(size, moved)
    clear = [dimension for dimension in told if not roles(dimension) & {UNKNOWN, MIXED}]
    saying = clear or told
    if not saying:
        return one_factor(ANY, size) if size > 1 else ()
    if all(_alike(dimension, saying[0]) for dimension in saying):
        return _over_each_other(saying)
    if all(map(is_units, saying)):
        return one_factor(UNIT, size)
    if all(map(is_picture, saying)):  # one of them is turned or rolled against the other
        cause = "roll" if any(factor.shift for dimension in saying for factor in dimension) else "permute"
    return unknown(size, cause)


def _has_place(dimension: Dimension) -> bool:
    return bool(roles(dimension) & {ROW, COLUMN, TOKENS})


def _is_side(dimension: Dimension) -> bool:
    """Say whether a dimension holds rows, or columns, and nothing else."""
    return len(dimension) == 1 and dimension[0].role in (ROW, COLUMN)


def _over_each_other(saying: Sequence[Dimension]) -> Dimension:
    """Return what dimensions that hold the same make together; unknown where they are other parts of the picture."""
    found = list(saying[0])
    for i, factor in enumerate(found):
        spans = [dimension[i].span for dimension in saying]
        known = [span for span in spans if span is not None and factor.span is not None and span.n == factor.span.n]
        span = together(known) if known else None
        if known and span is None:
            return unknown(size_of(saying[0]), "slice")
        found[i] = factor if span is None else replace(factor, span=span)
    return tuple(found)


def _alike(one: Dimension, other: Dimension) -> bool:
    """Say whether two dimensions hold the same, whichever units they are and whatever the step between rows is."""
    return _without_steps(one) == _without_steps(other)


def _without_steps(dimension: Dimension) -> list[Factor]:
    held = [factor.role for factor in dimension]
    return [replace(f, step=1) if f.role == UNIT or held.count(f.role) == 1 else f for f in dimension]


def contracted(dimensions: Dimensions, axis: int, size: int, cause: str) -> Dimension:
    """Return what replaces the dimension that a linear operation sums over: its outputs, `size` of them."""
    found = roles(dimensions[axis])
    elsewhere = any(UNIT in roles(each) for i, each in enumerate(dimensions) if i != axis % len(dimensions))
    # Combining units makes new units. Combining places of the picture alone makes neither units nor places. An unknown
    # dimension is taken for units, unless units lie elsewhere: then it may hold places.
    if UNIT in found or not found or (UNKNOWN in found and not elsewhere):
        return one_factor(UNIT, size)
    return unknown(size, cause_in([dimensions[axis]], cause)) if UNKNOWN in found else one_factor(MIXED, size)
