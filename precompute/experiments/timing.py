"""How long work takes, told from a little of it."""

from collections.abc import Callable, Iterable
from time import perf_counter

_ENOUGH = 0.4


def seconds_a_row(pieces: Iterable[Callable[[], int]]) -> float:
    """Time ever larger pieces of the same work, until one takes long enough to tell.

    What every piece costs whatever its size (the first use of a network, a comparison of methods) is in the largest
    and in the one before it, so that their difference is the work itself.

    Parameters
    ----------
    pieces
        Each does its work and returns how many rows that was; more and more.

    Returns
    -------
    float
        Seconds for one row, above 0.
    """
    rows = rows_before = 0
    took = took_before = 0.0
    for piece in pieces:
        rows_before, took_before = rows, took
        started = perf_counter()
        rows = piece()
        took = perf_counter() - started
        if took >= _ENOUGH:
            break
    if took > took_before and rows > rows_before:
        return (took - took_before) / (rows - rows_before)
    return max(took, 1e-9) / max(rows, 1)
