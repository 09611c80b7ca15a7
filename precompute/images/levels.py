"""A check that the class folders lie where they were looked for, and not one level further down.

``{train,val}/{cat,dog}`` given as a whole has two class folders, `train` and `val`, each with pictures somewhere below:
nothing is missing, and every number made from it is wrong.
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
    """Refuse a folder whose class folders have the names of splits, or that holds one folder of folders alone.

    Parameters
    ----------
    root : Path
        The folder that is to hold the class folders.
    named : collection of str
        Folders that a classes file names, which are class folders then, whatever they look like.

    Raises
    ------
    ImageFolderError
        Names the folders that it could have been.
    """
    folders = folders_in(root)
    holders = [name for name in folders if name not in named and _folders_alone(root / name)]
    if len(folders) == 1 and holders:
        raise _refusal(root, [_innermost(root / holders[0])])
    splits = [name for name in holders if name.lower() in _SPLITS]
    if splits:
        raise _refusal(root, [root / name for name in splits])


def splits_inside(root: Path) -> list[str]:
    """Return the names of splits that folders inside the class folders have, where there are several of them.

    In ``{cat,dog}/{train,val}`` all images of a class are taken, whatever folder they lie in.

    Parameters
    ----------
    root : Path
        The folder that holds the class folders.
    """
    found = {entry.name for name in folders_in(root) for entry in visible(root / name) if is_folder(entry)}
    splits = sorted(name for name in found if name.lower() in _SPLITS)
    return splits if len(splits) > 1 else []


def refuse_two_levels(root: Path, n_outputs: int, named: Collection[str] = ()) -> None:
    """Refuse a folder where what lies one level further down fits the network's outputs as well, or alone fits them.

    Parameters
    ----------
    root : Path
        The folder that is to hold the class folders.
    n_outputs : int
        How many outputs the network has.
    named : collection of str
        Folders that a classes file names.

    Raises
    ------
    ImageFolderError
        Names the folders that it could have been.
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
    """Return the names of the folders in a folder that holds nothing but notes beside them; none where it does."""
    entries = visible(folder)
    # Whatever is no note may be an image, to a person's own loader.
    if any(Path(entry.name).suffix.lower() not in _NOTES for entry in entries if not is_folder(entry)):
        return []
    return sorted(entry.name for entry in entries if is_folder(entry))


def _innermost(folder: Path) -> Path:
    """Go down while there is nothing but one folder."""
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
        f"if {first_few([path.name for path in meant])} are classes themselves, say so by --classes FILE.json."
    )
