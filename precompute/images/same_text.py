"""Names that are the same text, though their accents or blanks are written differently.

Unicode writes é as one character or as e and a mark. Disks of macOS, archives and keyboards differ in which they use,
and nobody sees it.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable


def composed(name: str) -> str:
    """Return a name with accents composed with their letters: the same for all ways to write one text."""
    return unicodedata.normalize("NFC", name)


def counterparts(names: Iterable[str], others: Iterable[str]) -> dict[str, str]:
    """Find the same texts among other names.

    Parameters
    ----------
    names, others : iterable of str
        The names, no two of either the same.

    Returns
    -------
    dict of str to str
        Name -> the other that is the same text: spelled alike where there is one, otherwise the only one that is left
        on either side. No two names share an other; names without one are absent.
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
    """Return what is seen of a name: accents in one way, blanks of every kind as one, nothing that is invisible."""
    seen = "".join(" " if letter.isspace() else letter for letter in name if not _is_invisible(letter))
    return composed(" ".join(seen.split()))


def in_code_points(name: str) -> str:
    """Return a name with blanks, marks and what is invisible as code points, such as ``cat<U+200B>``."""
    return "".join(letter if _is_seen(letter) else f"<U+{ord(letter):04X}>" for letter in name)


def _is_seen(letter: str) -> bool:
    return letter.isprintable() and not letter.isspace() and not unicodedata.category(letter).startswith("M")


def _is_invisible(letter: str) -> bool:
    """Whether a letter takes no room: a control or format character that is no blank, or one that chooses a variant."""
    chooses = "\ufe00" <= letter <= "\ufe0f"
    return chooses or (unicodedata.category(letter) in ("Cc", "Cf") and not letter.isspace())
