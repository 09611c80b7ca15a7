"""The fingerprint of a store: twelve digits by which a figure or a link says which store it came from."""

import hashlib
import json
from collections.abc import Iterator

from precompute.store.storefile import StoreFile

DIGITS = 12


def fingerprint_of(file: StoreFile) -> str:
    """Name the run that wrote a store by a hash of how it was made and what it found.

    A copy under another name has the same fingerprint, and so has the store after an experiment is added: links and
    figures of the run stay valid. Another run has another fingerprint, even with the same command. It is not protected
    against forgery.

    Parameters
    ----------
    file : StoreFile
        The store.

    Returns
    -------
    str
        The first 12 hexadecimal digits of the SHA-256 of a JSON array: when the store was begun, its provenance as its
        root holds it, the hash of its list of images, and, for each layer in order of name, the paths and the checksums
        of its activations and of its flips. Checksums are null in stores made before there were any.

    Raises
    ------
    StoreDamaged
        Where one of these cannot be read.
    """
    said = [file.text("/", "created"), file.text("/", "provenance"), file.text("/images", "list_hash")]
    found = [[path, file.fact(path, "values")] for path in _found_by_run(file) if file.has(path)]
    return hashlib.sha256(json.dumps([said, found]).encode()).hexdigest()[:DIGITS]


def _found_by_run(file: StoreFile) -> Iterator[str]:
    for layer in sorted(file.names("/layers")):
        yield f"/layers/{layer}/activation/max"
        for kind in sorted(file.names(f"/layers/{layer}/ablation")):
            yield from (f"/layers/{layer}/ablation/{kind}/flip/{part}" for part in ("image", "prediction"))
