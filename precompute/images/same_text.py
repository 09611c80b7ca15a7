"""Names that are the same text, though their accents are written differently.

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
