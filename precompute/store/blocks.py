"""Blocks of rows: large arrays are read and written a few rows at a time, so that memory does not grow with them."""

from collections.abc import Iterator

BLOCK_BYTES = 64 * 1024**2


def row_blocks(n_rows: int, row_bytes: int, block_bytes: int | None = None) -> Iterator[slice]:
    """Divide rows into blocks of a certain size, with at least one row each.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    row_bytes : int
        Bytes that one row takes in memory.
    block_bytes : int, optional
        Most bytes of a block of several rows; `BLOCK_BYTES` by default.
    """
    size = max(1, (block_bytes or BLOCK_BYTES) // max(1, row_bytes))
    return (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size))
