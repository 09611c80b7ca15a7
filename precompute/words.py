"""Times and sizes as people write them."""

from collections.abc import Iterable, Sequence


def duration(seconds: float) -> str:
    """Write a time: to the second, minute or hour."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def size(n_bytes: float) -> str:
    """Write a size of a file."""
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:.1f} GB"


def few_pairs(names: Sequence[str], outputs: Iterable[int], at_most: int = 4) -> str:
    """Write which output each class is, for the first few outputs: ``cat -> 0, dog -> 1 and 8 more``."""
    pairs = sorted(zip(map(int, outputs), names, strict=True))
    rest = len(pairs) - at_most
    shown = ", ".join(f"{name} -> {output}" for output, name in pairs[:at_most])
    return shown + (f" and {rest:,} more" if rest > 0 else "")
