"""Classes matched by the names that a network itself gives its outputs."""

from collections import Counter
from collections.abc import Sequence

from precompute.errors import ClassError
from precompute.images.same_text import counterparts
from precompute.words import first_few

NAMED = "the names that the network itself gives its outputs"


def outputs_by_name(names: Sequence[str], output_names: Sequence[str], called: str) -> dict[str, int]:
    """Give every class the output that the network calls the same.

    Parameters
    ----------
    names
        The classes' names.
    output_names
        What the network calls its outputs, in their order.
    called
        What the classes are names of: ``folder`` or ``label``.

    Raises
    ------
    ClassError
        Where a class is called like no output, or like several: then the network's names and the classes' tell of
        different things, and any order would be a guess.
    """
    counts = Counter(output_names)
    spelled = counterparts(names, output_names)
    unmatched = [name for name in names if name not in spelled or counts[spelled[name]] != 1]
    if unmatched:
        raise ClassError(
            f"The network calls its {len(output_names):,} outputs {first_few(output_names, 5)}; among these, the class "
            f"{called}s {first_few(unmatched, 5)} are not there, or not once. Name the {called}s as the network names "
            f"its outputs, or say by --classes which output each {called} is, or by --class-order that the network's "
            "names do not count."
        )
    return {name: output_names.index(spelled[name]) for name in names}
