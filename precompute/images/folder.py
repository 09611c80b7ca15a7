"""The images of a folder with one sub-folder of files for each class.

Nothing is opened here. Every file counts as an image until reading it shows that it is none.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from precompute.errors import ImageFolderError, OptionError
from precompute.images.loader import Load, PictureLoader
from precompute.images.same_text import counterparts
from precompute.images.walk import as_text, files_below, folders_in, is_text, lies_in, visible
from precompute.store.list_hash import list_hash
from precompute.words import first_few

_TOLERATED_BAD = 0.05


@dataclass(frozen=True, eq=False)
class ImageList:
    """Labelled images in the order that every array over images follows.

    Parameters
    ----------
    root : Path
        The folder that holds the class folders, absolute.
    paths : tuple of str
        For each image its path below `root`, with forward slashes, by class folder, then by the path inside it.
    labels : np.ndarray
        (image,) int32, the image's class as an index into `class_names`.
    class_names : tuple of str
        The class folders' names, sorted. A class may be left without images by `without` or by a small limit.
    load : Load
        From the path of one of the files to what the network's transform receives.
    left_out : mapping of str to str
        Paths of the list that are not opened, with the reason: links that lead where they should not, names that are
        not UTF-8 (of which the path is told escaped). They count as images that cannot be read.
    """

    root: Path
    paths: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    load: Load = field(default_factory=PictureLoader, kw_only=True)
    left_out: Mapping[str, str] = field(default_factory=dict, kw_only=True)

    def __len__(self) -> int:
        return len(self.paths)

    def digest(self) -> str:
        """Say in one word which images these are, wherever their folder lies.

        Returns
        -------
        str
            The store's list hash: see :func:`precompute.store.list_hash.list_hash`.
        """
        return list_hash(self.paths, [self.class_names[label] for label in self.labels])

    def without(self, indices: Iterable[int]) -> "ImageList":
        """Leave images out.

        Parameters
        ----------
        indices : iterable of int
            Positions in this list.

        Returns
        -------
        ImageList
            The other images in the same order, with the same classes.
        """
        left_out = set(indices)
        return self.at([index for index in range(len(self)) if index not in left_out])

    def at(self, positions: Sequence[int] | np.ndarray) -> "ImageList":
        """Return the images at some positions, in that order, with the same classes."""
        paths = tuple(self.paths[position] for position in positions)
        left_out = {path: self.left_out[path] for path in paths if path in self.left_out}
        labels = self.labels[np.asarray(positions, dtype=np.intp)]
        return replace(self, paths=paths, labels=labels, left_out=left_out)

    def to_send(self) -> "ImageList":
        """Return the list for another process, which has its loader: a person's own cannot be sent."""
        return replace(self, load=PictureLoader())

    def spread(self, n_images: int) -> list[int]:
        """Choose images: as evenly over the classes as their sizes allow, and in each class evenly over its images.

        Parameters
        ----------
        n_images : int
            How many; all where there are fewer.

        Returns
        -------
        list of int
            Their positions, in order.
        """
        return _spread(np.bincount(self.labels, minlength=len(self.class_names)).tolist(), n_images)


def list_images(root: str | Path, limit: int | None = None, *, follow_links: bool = False) -> ImageList:
    """List the images below a folder whose sub-folders are the classes.

    Files are looked for at any depth below a class folder. Left alone are names with a leading dot, what systems leave
    behind (``Thumbs.db``, ``desktop.ini``, ``__MACOSX``), pipes, sockets and devices, and files that lie beside the
    class folders. Of links, those are followed that lead to a file or folder inside the image folder; others, and
    names that are not UTF-8, are listed as left out.

    Parameters
    ----------
    root : str or Path
        The folder that holds the class folders.
    limit : int, optional
        Take this many images: as evenly over the classes as their sizes allow, and in each class evenly over its files.
    follow_links : bool
        Whether links may lead out of the folder.

    Returns
    -------
    ImageList
        The images, always the same for the same files and limit.

    Raises
    ------
    ImageFolderError
        If the folder is missing, is no folder, cannot be listed or holds no class folders, if a class folder is empty,
        has a name that is not UTF-8 or is a link that leads out, or if all files are left out.
    OptionError
        If the limit is less than 1.
    """
    if limit is not None and limit < 1:
        raise OptionError(f"The limit on images is {limit}: expected at least 1. Leave it out to take all images.")
    root = Path(root).expanduser().resolve()
    try:
        files = _files_of_classes(root, follow_links)
    except OSError as error:
        raise ImageFolderError(f"{error.filename}: this folder cannot be listed ({error.strerror}).") from error
    sizes = [len(inside) for inside in files.values()]
    found = [(as_text(f"{name}/{path}"), reason) for name, inside in files.items() for path, reason in inside]
    labels = np.repeat(np.arange(len(files), dtype=np.int32), sizes)
    left_out = {path: reason for path, reason in found if reason is not None}
    images = ImageList(root, tuple(path for path, _ in found), labels, tuple(files), left_out=left_out)
    refuse_all_left_out(images)
    return images if limit is None else images.at(images.spread(limit))


def refuse_all_left_out(images: ImageList) -> None:
    """Refuse a list of which nothing may be opened.

    Raises
    ------
    ImageFolderError
        Names the first file with the reason.
    """
    if len(images) and len(images.left_out) == len(images):
        path, reason = next(iter(images.left_out.items()))
        raise ImageFolderError(
            f"{images.root}: none of its {len(images):,} files can be taken, {path} among them ({reason})."
        )


def refuse_many_bad(images: ImageList, n_bad: int) -> None:
    """Refuse a list of which more than one file in twenty is no image.

    Parameters
    ----------
    images : ImageList
        The images of a run.
    n_bad : int
        How many of them are left out or turned out not to be readable.

    Raises
    ------
    ImageFolderError
        Where they are too many; says why the first was left out, if one was.
    """
    if n_bad <= _TOLERATED_BAD * len(images):
        return
    first = next(iter(images.left_out), None)
    example = "" if first is None else f", {first} among them ({images.left_out[first]})"
    raise ImageFolderError(
        f"{images.root}: {n_bad:,} of {len(images):,} files cannot be read as images, more than "
        f"{_TOLERATED_BAD:.0%}{example}. Mend or remove them, or add --allow-bad (and --resume) to leave them out."
    )


def list_training_images(
    root: str | Path, class_names: Sequence[str], limit: int | None = None, *, follow_links: bool = False
) -> ImageList:
    """List training images: as :func:`list_images`, but their class folders are to be those of other images.

    Parameters
    ----------
    root : str or Path
        The folder that holds the class folders.
    class_names : sequence of str
        The class folders of the others, sorted.
    limit : int, optional
        Take this many images.
    follow_links : bool
        Whether links may lead out of the folder.

    Raises
    ------
    ImageFolderError
        Where the class folders are others, and as :func:`list_images`.
    """
    return of_same_classes(list_images(root, limit, follow_links=follow_links), class_names)


def of_same_classes(images: ImageList, class_names: Sequence[str], called: str = "class folder") -> ImageList:
    """Return training images with the classes of the images, whose names may write an accent in another way.

    Parameters
    ----------
    images : ImageList
        The training images.
    class_names : sequence of str
        The classes of the images.
    called : str
        What the classes are names of.

    Raises
    ------
    ImageFolderError
        Names those that are missing and those that are too many.
    """
    spelled = counterparts(images.class_names, class_names)
    missing = sorted(set(class_names).difference(spelled.values()))
    unknown = sorted(set(images.class_names).difference(spelled))
    if missing or unknown:
        found = [f"{what} {first_few(names)}" for what, names in (("no", missing), ("also", unknown)) if names]
        raise ImageFolderError(
            f"{images.root}: expected the same {len(class_names)} {called}s as the images have, found "
            f"{' and '.join(found)}. Give training images of the same classes."
        )
    place = {name: label for label, name in enumerate(class_names)}
    labels = np.array([place[spelled[name]] for name in images.class_names], dtype=np.int32)[images.labels]
    return replace(images, labels=labels, class_names=tuple(class_names)).at(np.argsort(labels, kind="stable"))


def _files_of_classes(root: Path, follow_links: bool) -> dict[str, list[tuple[str, str | None]]]:
    """Class folder -> the sorted paths inside it, with the reason of those that are left out."""
    if not root.is_dir():
        found = "this is a file" if root.exists() else "there is no such folder"
        raise ImageFolderError(f"{root}: {found}. Expected a folder with one sub-folder of images for each class.")
    names = folders_in(root)
    if not names:
        raise ImageFolderError(_no_classes(root))
    _refuse_unwritable_names(root, names)
    if not follow_links:
        _refuse_links_out(root, names)
    files = {name: sorted(files_below(root, name, follow_links=follow_links)) for name in names}
    _refuse_empty(root, files)
    return files


def _no_classes(root: Path) -> str:
    n_files = len(visible(root))
    found = f"{n_files:,} files that lie directly in it" if n_files else "an empty folder"
    return (
        f"{root}: expected one sub-folder of images for each class, found {found}. "
        "Put each image into a folder that is named after its class."
    )


def _refuse_empty(root: Path, files: Mapping[str, Sequence[object]]) -> None:
    empty = [name for name, inside in files.items() if not inside]
    if empty:
        raise ImageFolderError(
            f"{root}: expected images in every class folder, found no file in: {first_few(empty)}. "
            "Put images there, or remove what is no class."
        )


def _refuse_unwritable_names(root: Path, names: Sequence[str]) -> None:
    # A class that is left out would move the outputs of those after it.
    unwritable = [as_text(name) for name in names if not is_text(name)]
    if unwritable:
        raise ImageFolderError(
            f"{root}: the names of class folders are not UTF-8: {first_few(unwritable)}. Rename them: classes are "
            "called by these names."
        )


def _refuse_links_out(root: Path, names: Sequence[str]) -> None:
    out = [name for name in names if not lies_in(os.path.realpath(root / name), str(root))]
    if out:
        raise ImageFolderError(
            f"{root}: class folders are links that lead out of this folder: {first_few(out)}. Add --follow-links if "
            "the pictures there are meant."
        )


def _spread(sizes: Sequence[int], limit: int) -> list[int]:
    """Positions of `limit` images among classes that follow each other with these sizes."""
    firsts = np.cumsum([0, *sizes[:-1]])
    quotas = _quotas(sizes, limit)
    return [
        int(first) + k * size // quota
        for first, size, quota in zip(firsts, sizes, quotas, strict=True)
        for k in range(quota)
    ]


def _quotas(sizes: Sequence[int], limit: int) -> list[int]:
    """Images to take from each class: what small classes cannot give, larger ones give evenly."""
    quotas = [0] * len(sizes)
    left = min(limit, sum(sizes))
    while left:
        unfilled = [label for label, size in enumerate(sizes) if quotas[label] < size]
        share = left // len(unfilled)
        if share == 0:
            # Fewer images than classes: one each for classes that are evenly spread.
            unfilled = [unfilled[k * len(unfilled) // left] for k in range(left)]
        for label in unfilled:
            quotas[label] += min(max(share, 1), sizes[label] - quotas[label])
        left = min(limit, sum(sizes)) - sum(quotas)
    return quotas
