"""Which output of the network each class folder is, and how to name it to a person.

A wrong match gives wrong numbers that look right, so what is not certain is refused instead of guessed.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from precompute.errors import ClassError
from precompute.images.folder import listed

_IMAGENET = Path(__file__).parents[2] / "assets" / "imagenet_classes.tsv"


@dataclass(frozen=True, eq=False)
class ClassTable:
    """The classes of an image list, matched to the network's outputs.

    Parameters
    ----------
    names : tuple of str
        The class folders' names, in the order of the image list's labels.
    titles : tuple of str
        For each class a name to be read by people.
    output_index : np.ndarray
        (class,) int32, the network output that is the class, from 0. No two classes share one.
    """

    names: tuple[str, ...]
    titles: tuple[str, ...]
    output_index: np.ndarray


def resolve_classes(folders: Sequence[str], n_outputs: int, classes_file: str | Path | None = None) -> ClassTable:
    """Match class folders to network outputs.

    A classes file decides. Without one, as many folders as outputs are the outputs in sorted order; else folders that
    all are WordNet ids of ImageNet's 1,000 classes are looked up, if the network has 1,000 outputs.

    Parameters
    ----------
    folders : sequence of str
        The class folders' names.
    n_outputs : int
        How many outputs the network has.
    classes_file : str or Path, optional
        A JSON object, folder -> output index from 0. Entries for other folders are fine.

    Returns
    -------
    ClassTable
        One row for each folder, in the order given. Titles are ImageNet's for WordNet ids, otherwise the folder's name
        with spaces for underscores.

    Raises
    ------
    ClassError
        If the file cannot be read or does not give every folder an output of its own (all such problems at once), or
        if there is no file and no rule applies.
    """
    imagenet = _imagenet()
    if classes_file is not None:
        outputs = _outputs_from_file(folders, n_outputs, Path(classes_file).expanduser())
    elif len(folders) == n_outputs:
        outputs = {folder: index for index, folder in enumerate(sorted(folders))}
    elif n_outputs == len(imagenet) and all(folder in imagenet for folder in folders):
        outputs = {folder: index for index, folder in enumerate(imagenet) if folder in folders}
    else:
        raise ClassError(_no_rule(folders, n_outputs, imagenet))
    titles = tuple(imagenet.get(folder, folder.replace("_", " ")) for folder in folders)
    return ClassTable(tuple(folders), titles, np.array([outputs[folder] for folder in folders], dtype=np.int32))


def _imagenet() -> dict[str, str]:
    """WordNet id -> title, in the order of the outputs of networks for ImageNet's 1,000 classes."""
    lines = _IMAGENET.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


def _outputs_from_file(folders: Sequence[str], n_outputs: int, path: Path) -> dict[str, int]:
    outputs = _read_object(path)
    problems = _problems(folders, n_outputs, outputs)
    if problems:
        raise ClassError(f"{path} does not fit the class folders: {'; '.join(problems)}.")
    return outputs


def _read_object(path: Path) -> dict:
    example = 'Expected a JSON object, folder -> output index, such as {"cat": 3, "dog": 5}'
    try:
        outputs = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ClassError(f"{path}: the classes file cannot be read ({error.strerror}). {example}.") from error
    except ValueError as error:
        raise ClassError(f"{path}: this is not JSON ({error}). {example}.") from error
    if not isinstance(outputs, dict):
        raise ClassError(f"{path}: {example}, found a {type(outputs).__name__}.")
    return outputs


def _problems(folders: Sequence[str], n_outputs: int, outputs: dict) -> list[str]:
    given = {folder: outputs[folder] for folder in folders if folder in outputs}
    # JSON's true is Python's True, which is an int.
    whole = {folder: index for folder, index in given.items() if type(index) is int}
    folders_of = Counter(whole.values())
    shared = sorted(index for index, count in folders_of.items() if count > 1)
    found = {
        "no output is given for": [folder for folder in folders if folder not in outputs],
        "not a whole number:": [f"{name}: {json.dumps(index)}" for name, index in given.items() if name not in whole],
        f"not one of the network's outputs 0 to {n_outputs - 1:,}:": [
            f"{folder}: {index}" for folder, index in whole.items() if not 0 <= index < n_outputs
        ],
        "one output for several folders:": [
            f"{index} ({listed([folder for folder in whole if whole[folder] == index])})" for index in shared
        ],
    }
    return [f"{what} {listed(cases)}" for what, cases in found.items() if cases]


def _no_rule(folders: Sequence[str], n_outputs: int, imagenet: Mapping[str, str]) -> str:
    found = f"The network has {n_outputs:,} outputs and there are {len(folders):,} class folders"
    if len(folders) > n_outputs:
        return f"{found}, more than it can tell apart. Remove the folders that are not its classes."
    if n_outputs == len(imagenet):
        found += f", not all WordNet ids of ImageNet ({listed([name for name in folders if name not in imagenet], 3)})"
    example = json.dumps({folder: index for index, folder in enumerate(folders[:2])})
    return (
        f"{found}; nothing says which output is which class. Write a JSON file that does, folder -> output index "
        f"from 0, such as {example} with the right numbers, and pass it with --classes."
    )
