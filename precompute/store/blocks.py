"""Blocks of rows: large arrays are read and written a few rows at a time, so that memory does not grow with them."""

from collections.abc import Iterator

BLOCK_BYTES = 64 * 1024**2


def row_blocks(n_rows: int, row_bytes: int) -> Iterator[slice]:
    """Cut rows into blocks of about `BLOCK_BYTES`, of one row at least.

    Parameters
    ----------
    n_rows : int
        How many rows there are.
    row_bytes : int
        What one takes in memory.
    """
    size = max(1, BLOCK_BYTES // max(1, row_bytes))
    return (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size))
