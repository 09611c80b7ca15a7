"""The hash that says which labelled images a store is about."""

import hashlib
from collections.abc import Iterable


def list_hash(paths: Iterable[str], folders: Iterable[str]) -> str:
    """Return a hash of a list of labelled images that depends neither on their order nor on where their folder is.

    Parameters
    ----------
    paths : iterable of str
        Each image's file relative to the root, with forward slashes.
    folders : iterable of str
        Each image's class folder.

    Returns
    -------
    str
        SHA-256, in hexadecimal, of the lines ``path<TAB>class folder<NEWLINE>`` in code point order, as UTF-8.
    """
    lines = sorted(f"{path}\t{folder}\n" for path, folder in zip(paths, folders, strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
