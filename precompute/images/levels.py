"""A check that the named folder holds the class folders, and that they do not lie one level further down.

If ``{train,val}/{cat,dog}`` is given as a whole, `train` and `val` look like two classes with pictures somewhere below:
nothing seems to be missing, and every number is wrong.
"""

from collections.abc import Collection
from pathlib import Path

from precompute.errors import ImageFolderError
from precompute.images.classes import is_wordnet_id
from precompute.images.walk import folders_in, is_folder, visible
from precompute.words import first_few

_SPLITS = {
    *("train", "training", "trainset", "train_set"),
    *("val", "valid", "validation", "valset", "val_set", "dev", "eval"),
    *("test", "testing", "testset", "test_set", "holdout", "held_out"),
}
_NOTES = {".txt", ".md", ".csv", ".tsv", ".json", ".xml", ".yaml", ".yml", ".html", ".pdf", ".log", ".py", ".sh"}


def refuse_level_above(root: Path, named: Collection[str] = ()) -> None:
    """Refuse a folder whose class folders look like splits, or that holds nothing but one folder of folders.

    Parameters
    ----------
    root : Path
        The folder that should hold the class folders.
    named : collection of str
        Folders that a classes file names. These are class folders, whatever they look like.

    Raises
    ------
    ImageFolderError
        The message names the folders that may be meant.
    """
    folders = folders_in(root)
    holders = [name for name in folders if name not in named and _folders_alone(root / name)]
    if len(folders) == 1 and holders:
        raise _refusal(root, [_innermost(root / holders[0])])
    splits = [name for name in holders if name.lower() in _SPLITS]
    if splits:
        raise _refusal(root, [root / name for name in splits])


def splits_inside(root: Path) -> list[str]:
    """Return the folders inside class folders that have names of splits, if they have several such names.

    In ``{cat,dog}/{train,val}`` all images of a class are taken, from every folder.

    Parameters
    ----------
    root : Path
        The folder that holds the class folders.
    """
    found = {entry.name for name in folders_in(root) for entry in visible(root / name) if is_folder(entry)}
    splits = sorted(name for name in found if name.lower() in _SPLITS)
    return splits if len(splits) > 1 else []


def refuse_two_levels(root: Path, n_outputs: int, named: Collection[str] = ()) -> None:
    """Refuse a folder if the folders one level further down fit the outputs of the network better or as well.

    Parameters
    ----------
    root : Path
        The folder that should hold the class folders.
    n_outputs : int
        The number of outputs of the network.
    named : collection of str
        Folders that a classes file names.

    Raises
    ------
    ImageFolderError
        The message names the folders that may be meant.
    """
    folders = folders_in(root)
    if _fit(folders, n_outputs) and set(folders) <= set(named):
        return
    inside = {name: _folders_alone(root / name) for name in folders if name not in named}
    fitting = [name for name, below in inside.items() if below and _fit(below, n_outputs)]
    if fitting and (len(fitting) == len(folders) or not _fit(folders, n_outputs)):
        raise _refusal(root, [root / name for name in fitting])


def _fit(names: Collection[str], n_outputs: int) -> bool:
    return len(names) == n_outputs or (n_outputs == 1000 and all(map(is_wordnet_id, names)))


def _folders_alone(folder: Path) -> list[str]:
    """Return the names of the folders in a folder; none if it also holds files that are not notes."""
    entries = visible(folder)
    # To the user's own loader, any file that is not a note may be an image.
    if any(Path(entry.name).suffix.lower() not in _NOTES for entry in entries if not is_folder(entry)):
        return []
    return sorted(entry.name for entry in entries if is_folder(entry))


def _innermost(folder: Path) -> Path:
    """Go down as long as a folder holds nothing but one folder of folders."""
    inside = _folders_alone(folder)
    while len(inside) == 1 and _folders_alone(folder / inside[0]):
        folder = folder / inside[0]
        inside = _folders_alone(folder)
    return folder


def _refusal(root: Path, meant: list[Path]) -> ImageFolderError:
    examples = _folders_alone(meant[0])
    return ImageFolderError(
        f"{root}: expected class folders, found in {first_few([path.name for path in meant])} no pictures but folders "
        f"({first_few(examples, 3)}). If these are the classes, name {' or '.join(str(path) for path in meant[:4])}; "
        f"if {first_few([path.name for path in meant])} are classes themselves, say so with --classes FILE.json."
    )
