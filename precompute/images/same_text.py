"""Names that are the same text although their accents or blanks are encoded in different ways.

In Unicode, é is one character, or e and an accent. macOS, archives and keyboards use one or the other, and both look
the same.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable


def composed(name: str) -> str:
    """Return a name with each letter and its accent as one character: the same for all ways to encode a text."""
    return unicodedata.normalize("NFC", name)


def counterparts(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Find for each name the one among other names that is the same text.

    Parameters
    ----------
    names, others : iterable of str
        The names; no name is twice in `names`, or twice in `others`.

    Returns
    -------
    dict of str to str
        The other name for each name: the identical one if there is one, otherwise the only one left that is the same
        text, if the name too is the only one left. No two names get the same other; names without one are absent.
    """
    names, others = list(names), set(others)
    found = {name: name for name in names if name in others}
    left = [name for name in names if name not in found]
    free = others.difference(found)
    readings, counts = {composed(other): other for other in free}, Counter(map(composed, free))
    asked = Counter(map(composed, left))
    for name in left:
        if asked[composed(name)] == counts[composed(name)] == 1:
            found[name] = readings[composed(name)]
    return found


def looks_of(name: str) -> str:
    """Return what a reader sees of a name: accents composed, every blank as one space, no invisible characters."""
    seen = "".join(" " if letter.isspace() else letter for letter in name if not _is_invisible(letter))
    return composed(" ".join(seen.split()))


def in_code_points(name: str) -> str:
    """Return a name with blanks, accents and invisible characters as code points, such as ``cat<U+200B>``."""
    return "".join(letter if _is_seen(letter) else f"<U+{ord(letter):04X}>" for letter in name)


def _is_seen(letter: str) -> bool:
    return letter.isprintable() and not letter.isspace() and not unicodedata.category(letter).startswith("M")


def _is_invisible(letter: str) -> bool:
    """Say whether a character has no width: a control or format character, no blank, or a variation selector."""
    chooses = "\ufe00" <= letter <= "\ufe0f"
    return chooses or (unicodedata.category(letter) in ("Cc", "Cf") and not letter.isspace())
