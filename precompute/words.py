"""Times, sizes, shares and lists of names as people write them."""

import difflib
import math
import unicodedata
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


def decimals_for(n_images: int) -> int:
    """Return how many decimals a percentage of so many images supports, at most 2."""
    return min(2, max(0, math.ceil(math.log10(max(n_images, 1) / 100))))


def rounded(share: float, n_images: int) -> float:
    """Return a share in percent, rounded to what so many images can tell.

    Halves are rounded away from zero; a store's float32 and a quotient of counts must read the same.
    """
    return round(100 * share + math.copysign(_HALF_WAY, share), decimals_for(n_images))


def percent(share: float, n_images: int) -> str:
    """Write an accuracy in percent, as finely as that many images can tell; all and none need no decimals."""
    if share in (0, 1):
        return f"{share:.0%}".replace("%", " %")
    return "– %" if math.isnan(share) else f"{rounded(share, n_images):.{decimals_for(n_images)}f} %"


_HALF_WAY = 1e-5
_TURNS_A_LINE = {*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C}


def printable(name: str) -> str:
    """Write what moves the cursor, colours the screen or turns a line around as escapes, and so what is not text."""
    return "".join(
        ascii(sign)[1:-1] if unicodedata.category(sign) in ("Cc", "Cs") or ord(sign) in _TURNS_A_LINE else sign
        for sign in name
    )


def few_pairs(names: Sequence[str], outputs: Iterable[int], at_most: int = 4) -> str:
    """Write which output each class is, for the first few outputs: ``cat -> 0, dog -> 1 and 8 more``."""
    pairs = sorted(zip(map(int, outputs), names, strict=True))
    return first_few([f"{name} -> {output}" for output, name in pairs], at_most)


def first_few(names: Iterable[str], at_most: int = 8) -> str:
    """Write the first few of some names, and how many more there are: ``cat, dog and 3 more``."""
    names = list(names)
    rest = len(names) - at_most
    return ", ".join(names[:at_most]) + (f" and {rest:,} more" if rest > 0 else "")


def close_matches(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return a sentence with the known names that are spelt most like `name`; empty where none is close.

    Parameters
    ----------
    name
        What a person wrote.
    known
        The names that exist.
    cutoff
        How alike two names must be to be close, 0 to 1; see `difflib.get_close_matches`.
    """
    close = difflib.get_close_matches(name, list(known), n=5, cutoff=cutoff)
    return f" Close to it: {', '.join(close)}." if close else ""
