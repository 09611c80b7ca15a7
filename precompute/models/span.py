"""Which part of the picture a row of cells covers, followed through convolutions, pooling, padding and crops."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

# Two maps are in the same place where they differ by no more than a cell of the coarser one. Strides move a map by up
# to half a cell, and pooling beside a strided convolution by half a cell more.
_CELLS = 1.001
# A map covers the whole picture where its ends miss the picture's by no more than this many cells.
_HALF = 0.501


@dataclass(frozen=True)
class Span:
    """The part of the picture's height, or of its width, that the cells of a map cover, as fractions of it.

    Parameters
    ----------
    first
        Where the first cell begins: 0 at the top or left, below 0 where it begins beyond the picture.
    cell
        The size of a cell: the distance from one to the next.
    n
        The number of cells.
    coarsest
        The size of the largest cell on the way from the picture.
    """

    first: float
    cell: float
    n: int
    coarsest: float

    @classmethod
    def of_picture(cls, n: int) -> "Span":
        """Return the span of `n` cells that cover all of the picture."""
        return cls(0.0, 1 / n, n, 1 / n)

    @property
    def last(self) -> float:
        """Where the last cell ends: 1 at the bottom or right."""
        return self.first + self.n * self.cell

    def resized(self, n: int) -> "Span":
        """Return the span of `n` cells that cover the same part."""
        return self._with(self.first, (self.last - self.first) / n, n)

    def through(self, stride: float, centre: float, n: int) -> "Span":
        """Return the span of `n` cells, of which cell i is centred on cell `stride` i + `centre` of this one's."""
        return self._with(self.first + (centre + 0.5 - stride / 2) * self.cell, stride * self.cell, n)

    def _with(self, first: float, cell: float, n: int) -> "Span":
        return replace(self, first=first, cell=cell, n=n, coarsest=max(self.coarsest, cell))

    @property
    def is_whole(self) -> bool:
        """Whether it is the whole picture, but for half a cell of the coarsest map on the way."""
        return max(abs(self.first), abs(self.last - 1)) <= _HALF * self.coarsest

    @property
    def is_cut(self) -> bool:
        """Whether it is surely not the whole picture: an end misses the picture's by more than a cell."""
        return max(abs(self.first), abs(self.last - 1)) > _CELLS * self.coarsest


def together(spans: Sequence[Span]) -> Span | None:
    """Return the span of maps that are added or laid over each other; None where they are in different places.

    Parameters
    ----------
    spans
        One for each map, of equally many cells; at least one.
    """
    finest = min(spans, key=lambda each: each.coarsest)
    coarsest = max(each.coarsest for each in spans)
    ends = [(each.first - finest.first, each.last - finest.last) for each in spans]
    if max(abs(difference) for pair in ends for difference in pair) > _CELLS * coarsest:
        return None
    return replace(finest, coarsest=coarsest)
