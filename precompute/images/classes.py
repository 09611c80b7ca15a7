"""The network output of each class, and a title for people to read.

A wrong match gives wrong numbers that look right, so a match that is not certain is refused, not guessed.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from precompute.errors import ClassError, OptionError
from precompute.images.class_order import ORDERS, in_order, refuse_doubtful_order
from precompute.images.classes_file import outputs_from_file
from precompute.images.output_names import NAMED, outputs_by_name
from precompute.words import few_pairs, first_few

_IMAGENET = Path(__file__).parents[2] / "assets" / "imagenet_classes.tsv"


@dataclass(frozen=True, eq=False)
class ClassTable:
    """The classes of an image list, matched to the outputs of the network.

    Parameters
    ----------
    names : tuple of str
        The names of the classes (folders, or labels of a list), in the order of the labels of the image list.
    titles : tuple of str
        The title of each class, for people to read.
    output_index : np.ndarray
        (class,) int32, the network output of each class, from 0. No two classes share one.
    mapping : str
        How the classes were matched: a phrase that can follow "outputs were given by".
    stray : tuple of str
        Names in the classes file that are none of these classes.
    """

    names: tuple[str, ...]
    titles: tuple[str, ...]
    output_index: np.ndarray
    mapping: str
    stray: tuple[str, ...] = ()

    def told(self) -> list[str]:
        """Return sentences that say how the classes were matched, with the first few pairs."""
        lines = [f"Outputs were given by {self.mapping}: {few_pairs(self.names, self.output_index)}"]
        if self.stray:
            lines.append(f"The classes file also names classes that these images do not have: {first_few(self.stray)}")
        return lines


def resolve_classes(
    names: Sequence[str],
    n_outputs: int,
    classes_file: str | Path | None = None,
    class_order: str | None = None,
    *,
    called: str = "folder",
    output_names: Sequence[str] = (),
) -> ClassTable:
    """Match classes to outputs of the network.

    The first of these rules that applies decides:

    - A classes file gives every class its output.
    - Without `class_order`, the names that the network itself gives its outputs count, unless all classes are WordNet
      ids and the network has ImageNet's 1,000 outputs.
    - As many classes as outputs, in sorted order, are the outputs. Every usual way of sorting must give the same order,
      unless `class_order` names one.
    - WordNet ids of ImageNet's 1,000 classes are looked up, if the network has 1,000 outputs.

    Parameters
    ----------
    names : sequence of str
        The names of the classes: folders, or labels of a list.
    n_outputs : int
        The number of outputs of the network.
    classes_file : str or Path, optional
        A file that :func:`precompute.images.classes_file.read_classes_file` can read. It may name other classes too.
    class_order : str, optional
        One of :data:`precompute.images.class_order.ORDERS`.
    called : str
        What a class name is the name of, for messages: ``folder`` or ``label``.
    output_names : sequence of str
        The names that the network itself gives its outputs, in order; empty if it gives none.

    Returns
    -------
    ClassTable
        One row for each class, in the order of `names`. The title of a WordNet id is ImageNet's; any other title is
        the name, with spaces in place of underscores.

    Raises
    ------
    ClassError
        If the file cannot be read or does not give every class an output of its own (all such problems at once), if
        the order of the names depends on how they are sorted, or if no rule applies.
    OptionError
        If both a file and an order are given.
    """
    if classes_file is not None and class_order is not None:
        raise OptionError(f"--classes says what each output is; leave --class-order {class_order} out.")
    imagenet = _imagenet()
    stray: tuple[str, ...] = ()
    if classes_file is not None:
        path = Path(classes_file).expanduser()
        outputs, stray = outputs_from_file(names, n_outputs, path, called=called)
        mapping = f"the file {path.resolve()}"
    elif output_names and class_order is None and not _all_imagenet(names, n_outputs):
        outputs, mapping = outputs_by_name(names, output_names, called), NAMED
    elif len(names) == n_outputs:
        outputs, mapping = _sorted(names, class_order)
    elif _all_imagenet(names, n_outputs):
        outputs = {name: index for index, name in enumerate(imagenet) if name in names}
        mapping = "the WordNet ids of ImageNet's 1,000 classes"
    else:
        raise ClassError(_no_rule(names, n_outputs, imagenet, called))
    titles = tuple(imagenet.get(name, name.replace("_", " ")) for name in names)
    index = np.array([outputs[name] for name in names], dtype=np.int32)
    return ClassTable(tuple(names), titles, index, mapping, stray)


def _all_imagenet(names: Sequence[str], n_outputs: int) -> bool:
    imagenet = _imagenet()
    return n_outputs == len(imagenet) and all(name in imagenet for name in names)


def is_wordnet_id(name: str) -> bool:
    """Tell whether a name is the WordNet id of one of ImageNet's 1,000 classes."""
    return name in _imagenet()


def _sorted(names: Sequence[str], class_order: str | None) -> tuple[dict[str, int], str]:
    if class_order is None:
        refuse_doubtful_order(names)
        how = "the sorted order of the names, in which every usual way of sorting agrees"
    else:
        how = f"the order of the names {ORDERS[class_order]} (--class-order {class_order})"
    return {name: index for index, name in enumerate(in_order(names, class_order or "text"))}, how


@cache
def _imagenet() -> Mapping[str, str]:
    """Return the title of each WordNet id, in the order of ImageNet's 1,000 outputs."""
    lines = _IMAGENET.read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t") for line in lines)


def _no_rule(names: Sequence[str], n_outputs: int, imagenet: Mapping[str, str], called: str) -> str:
    there = f"there is 1 class {called}" if len(names) == 1 else f"there are {len(names):,} class {called}s"
    found = f"The network has {n_outputs:,} outputs and {there}"
    if len(names) > n_outputs:
        return f"{found}, more than it can tell apart. Remove the {called}s that are not its classes."
    if n_outputs == len(imagenet):
        found += f", not all WordNet ids of ImageNet ({first_few([name for name in names if name not in imagenet], 3)})"
    example = json.dumps({name: index for index, name in enumerate(names[:2])})
    return (
        f"{found}; nothing says which output is which class. Write a JSON file that gives every {called} its output "
        f"index, from 0, such as {example} with the right numbers, and pass it with --classes."
    )
