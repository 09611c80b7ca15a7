"""The one word that says which labelled images a store is about."""

import hashlib
from collections.abc import Iterable


def list_hash(paths: Iterable[str], folders: Iterable[str]) -> str:
    """Name a list of labelled images by a hash that neither its order nor the place of its root changes.

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
