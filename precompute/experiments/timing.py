"""How long work takes, told from a little of it."""

from collections.abc import Callable, Iterable
from time import perf_counter

_ENOUGH = 0.4


def seconds_a_row(pieces: Iterable[Callable[[], int]]) -> float:
    """Time ever larger pieces of the same work, until one takes long enough to tell.

    What every piece costs whatever its size (a comparison of methods, a beginning) is in the first as in the last, so
    that their difference is the work itself.

    Parameters
    ----------
    pieces
        Each does its work and returns how many rows that was; more and more, at least one piece.

    Returns
    -------
    float
        Seconds for one row, above 0.
    """
    timed: list[tuple[int, float]] = []
    for piece in pieces:
        started = perf_counter()
        rows = piece()
        timed.append((rows, perf_counter() - started))
        if timed[-1][1] >= _ENOUGH:
            break
    (fewest, at_least), (most, at_most) = timed[0], timed[-1]
    if most > fewest and at_most > at_least:
        return (at_most - at_least) / (most - fewest)
    return max(at_most, 1e-9) / max(most, 1)
