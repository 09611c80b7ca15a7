"""The file of ``--classes``: JSON that says which output of the network each class is."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from precompute.errors import ClassError
from precompute.images.same_text import counterparts
from precompute.words import first_few


def read_classes_file(path: str | Path) -> dict[str, object]:
    """Read a classes file, without a check of the values that it gives.

    The file holds an object from class to output, an object from output to class, or a list of classes in the order of
    the outputs.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    dict of str to object
        The value for each class name.

    Raises
    ------
    ClassError
        If the file cannot be read, is not JSON of one of these kinds, or names a class twice.
    """
    path = Path(path).expanduser()
    example = 'Expected a JSON object, folder -> output index, such as {"cat": 3, "dog": 5}'
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_Pairs)
    except OSError as error:
        raise ClassError(f"{path}: the classes file cannot be read ({error.strerror}). {example}.") from error
    except (ValueError, RecursionError) as error:
        raise ClassError(f"{path}: this is not JSON ({error}). {example}.") from error
    pairs = _by_name(found)
    if pairs is None:
        raise ClassError(f"{path}: {example}, found {_told(found)}.")
    twice = [name for name, count in Counter(name for name, _ in pairs).items() if count > 1]
    if twice:
        raise ClassError(f"{path}: these classes are given twice: {first_few(twice)}. Keep one entry of each.")
    return dict(pairs)


def outputs_from_file(
    names: Sequence[str], n_outputs: int, path: str | Path, *, called: str = "folder"
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Take the outputs of some classes from a classes file.

    Parameters
    ----------
    names : sequence of str
        The classes.
    n_outputs : int
        The number of outputs of the network.
    path : str or Path
        The file.
    called : str
        What a class name is the name of, for messages: ``folder`` or ``label``.

    Returns
    -------
    outputs : dict of str to int
        The output of each class.
    stray : tuple of str
        Names in the file that are none of these classes.

    Raises
    ------
    ClassError
        If the file cannot be read, or does not give every class an output of its own (all such problems at once).
    """
    entries = read_classes_file(path)
    spelled = counterparts(names, entries)
    given = {name: entries[entry] for name, entry in spelled.items()}
    stray = tuple(entry for entry in entries if entry not in set(spelled.values()))
    problems = _problems(names, n_outputs, given, called)
    if problems:
        unused = f"; it also names {first_few(stray)}" if stray else ""
        raise ClassError(
            f"{path} does not fit the class {called}s: {'; '.join(problems)}{unused}. Give each {called} the index of "
            "its output, from 0."
        )
    return {name: index for name, index in given.items() if isinstance(index, int)}, stray


class _Pairs(list[tuple[str, object]]):
    """The entries of a JSON object. A dict would keep only the last of two entries with one name."""


def _by_name(found: object) -> _Pairs | None:
    """Return the entries of a file as pairs of class and output; None if the file is none of the three kinds."""
    if isinstance(found, list) and not isinstance(found, _Pairs):
        named = all(isinstance(name, str) for name in found)
        return _Pairs((name, output) for output, name in enumerate(found)) if found and named else None
    if not isinstance(found, _Pairs):
        return None
    outputs = [key for key, _ in found]
    names = [value for _, value in found if isinstance(value, str)]
    # If some numbers are class names too, the object could be meant either way; it is then read as class to output.
    is_turned = len(names) == len(found) and all(map(_is_whole, outputs)) and not set(outputs) & set(names)
    return _Pairs((name, int(output)) for output, name in zip(outputs, names, strict=True)) if is_turned else found


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10


def _told(found: object) -> str:
    kinds = {dict: "an object", list: "a list of other things than names", str: "a text", type(None): "null"}
    return kinds.get(type(found), "a number" if not isinstance(found, bool) else "true or false")


def _problems(names: Sequence[str], n_outputs: int, outputs: dict[str, object], called: str) -> list[str]:
    given = {name: outputs[name] for name in names if name in outputs}
    # JSON's true is Python's True, which is an int.
    whole = {name: index for name, index in given.items() if type(index) is int}
    classes_of = Counter(whole.values())
    shared = sorted(index for index, count in classes_of.items() if count > 1)
    found = {
        "no output is given for": [name for name in names if name not in outputs],
        "not a whole number:": [f"{name}: {json.dumps(index)}" for name, index in given.items() if name not in whole],
        f"not one of the network's outputs 0 to {n_outputs - 1:,}:": [
            f"{name}: {index}" for name, index in whole.items() if not 0 <= index < n_outputs
        ],
        f"one output for several {called}s:": [
            f"{index} ({first_few([name for name in whole if whole[name] == index])})" for index in shared
        ],
    }
    return [f"{what} {first_few(cases)}" for what, cases in found.items() if cases]
