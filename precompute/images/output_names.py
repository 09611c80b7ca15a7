"""Classes matched to outputs by the names that a network itself gives its outputs."""

from collections import Counter
from collections.abc import Sequence

from precompute.errors import ClassError
from precompute.images.same_text import counterparts
from precompute.words import first_few

NAMED = "the names that the network itself gives its outputs"


def outputs_by_name(names: Sequence[str], output_names: Sequence[str], called: str) -> dict[str, int]:
    """Give every class the output with the same name.

    Parameters
    ----------
    names
        The names of the classes.
    output_names
        The names of the network's outputs, in order.
    called
        What a class name is the name of, for the message: ``folder`` or ``label``.

    Returns
    -------
    dict of str to int
        The output of each class.

    Raises
    ------
    ClassError
        If a class has the name of no output, or of several. The two sets of names then mean different things, and any
        order would be a guess.
    """
    counts = Counter(output_names)
    spelled = counterparts(names, output_names)
    unmatched = [name for name in names if name not in spelled or counts[spelled[name]] != 1]
    if unmatched:
        raise ClassError(
            f"The network calls its {len(output_names):,} outputs {first_few(output_names, 5)}. No single output has "
            f"the name of the class {called}s {first_few(unmatched, 5)}. Name the {called}s as the network names its "
            f"outputs, or say with --classes which output each {called} is, or give --class-order to ignore the "
            "network's names."
        )
    return {name: output_names.index(spelled[name]) for name in names}
