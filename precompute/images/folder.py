"""The images of a folder with one sub-folder of files for each class.

No file is opened here. Every file counts as an image until reading it shows that it is none.
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
    """Labelled images, in the order of every array over images.

    Parameters
    ----------
    root : Path
        The folder that holds the class folders; an absolute path.
    paths : tuple of str
        The path of each image below `root`, with forward slashes, sorted by class folder, then by the path inside it.
    labels : np.ndarray
        (image,) int32, the class of each image as an index into `class_names`.
    class_names : tuple of str
        The names of the class folders, sorted. `without` or a small limit may leave a class without images.
    load : Load
        From the path of one of the files to what the network's transform receives.
    left_out : mapping of str to str
        The paths of this list that must not be opened, each with the reason: links that lead out of the folder, names
        that are not UTF-8 (these paths are escaped). They count as images that cannot be read.
    digests : np.ndarray, optional
        (image,) uint64, the digest of each file as an earlier pass over the images read it, or the run of the store;
        `UNKNOWN` where none did. Reading refuses files that have changed. See :mod:`precompute.images.file_digests`.
    """

    root: Path
    paths: tuple[str, ...]
    labels: np.ndarray
    class_names: tuple[str, ...]
    load: Load = field(default_factory=PictureLoader, kw_only=True)
    left_out: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    digests: np.ndarray | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.paths)

    def digest(self) -> str:
        """Return a hash of the paths and classes, which does not depend on where the folder lies.

        Returns
        -------
        str
            The list hash of the store: see :func:`precompute.store.list_hash.list_hash`.
        """
        return list_hash(self.paths, [self.class_names[label] for label in self.labels])

    def without(self, indices: Iterable[int]) -> "ImageList":
        """Return the list without some images.

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
        chosen = np.asarray(positions, dtype=np.intp)
        digests = None if self.digests is None else self.digests[chosen]
        return replace(self, paths=paths, labels=self.labels[chosen], left_out=left_out, digests=digests)

    def to_send(self) -> "ImageList":
        """Return the list without its loader, which may be the user's own and then cannot be sent to a process."""
        return replace(self, load=PictureLoader())

    def spread(self, n_images: int) -> list[int]:
        """Choose images, as evenly over the classes as their sizes allow, and in each class evenly over its images.

        Parameters
        ----------
        n_images : int
            The number of images; all images if there are fewer.

        Returns
        -------
        list of int
            The positions of the images, in order.
        """
        return _spread(np.bincount(self.labels, minlength=len(self.class_names)).tolist(), n_images)


def list_images(root: str | Path, limit: int | None = None, *, follow_links: bool = False) -> ImageList:
    """List the images below a folder whose sub-folders are the classes.

    Files may lie at any depth below a class folder. These are ignored: names with a leading dot, files that systems
    leave behind (``Thumbs.db``, ``desktop.ini``, ``__MACOSX``), pipes, sockets and devices, and files beside the class
    folders. A link is followed if it leads to a file or folder inside the image folder. Other links, and names that
    are not UTF-8, are listed as left out.

    Parameters
    ----------
    root : str or Path
        The folder that holds the class folders.
    limit : int, optional
        Take this many images, as evenly over the classes as their sizes allow, and in each class evenly over its files.
    follow_links : bool
        Whether links may lead out of the folder.

    Returns
    -------
    ImageList
        The images, always the same for the same files and limit.

    Raises
    ------
    ImageFolderError
        If the folder is missing, is not a folder, cannot be listed or holds no class folders; if a class folder is
        empty, has a name that is not UTF-8 or is a link that leads out of the folder; or if all files are left out.
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
    """Refuse a list of which every file is left out.

    Raises
    ------
    ImageFolderError
        The message names the first file, with the reason.
    """
    if len(images) and len(images.left_out) == len(images):
        path, reason = next(iter(images.left_out.items()))
        raise ImageFolderError(
            f"{images.root}: none of its {len(images):,} files can be taken, {path} among them ({reason})."
        )


def refuse_many_bad(images: ImageList, bad: Mapping[str, str]) -> None:
    """Refuse a list if more than one file in twenty cannot be read as an image.

    Parameters
    ----------
    images : ImageList
        The images of a run.
    bad : mapping of str to str
        The reason for every file that is left out or turned out to be unreadable, by its path.

    Raises
    ------
    ImageFolderError
        If there are too many of them. The message names the first, with the reason.
    """
    if len(bad) <= _TOLERATED_BAD * len(images):
        return
    first = next(iter(bad))
    raise ImageFolderError(
        f"{images.root}: {len(bad):,} of {len(images):,} files cannot be read as images, more than "
        f"{_TOLERATED_BAD:.0%}, {first} among them ({bad[first]}). Mend or remove them, or add --allow-bad (and "
        "--resume) to leave them out."
    )


def list_training_images(
    root: str | Path, class_names: Sequence[str], limit: int | None = None, *, follow_links: bool = False
) -> ImageList:
    """List training images as :func:`list_images` does; they must have the class folders of the images of the run.

    Parameters
    ----------
    root : str or Path
        The folder that holds the class folders.
    class_names : sequence of str
        The class folders of the images of the run, sorted.
    limit : int, optional
        Take this many images.
    follow_links : bool
        Whether links may lead out of the folder.

    Raises
    ------
    ImageFolderError
        If the class folders differ, and as :func:`list_images`.
    """
    return of_same_classes(list_images(root, limit, follow_links=follow_links), class_names)


def of_same_classes(images: ImageList, class_names: Sequence[str], called: str = "class folder") -> ImageList:
    """Return training images with the classes of the images of the run, spelt and ordered as these are.

    Parameters
    ----------
    images : ImageList
        The training images. The names of their classes may encode accents in another way.
    class_names : sequence of str
        The classes of the images of the run.
    called : str
        What a class name is the name of, for the message: ``class folder`` or ``label``.

    Raises
    ------
    ImageFolderError
        If the classes differ. The message names those that are missing and those that are too many.
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
    """Return for each class folder the sorted paths inside it, each with the reason if it is left out."""
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
            "Put images there, or remove the folders that are not classes."
        )


def _refuse_unwritable_names(root: Path, names: Sequence[str]) -> None:
    # Without this class, all classes after it would get the wrong output.
    unwritable = [as_text(name) for name in names if not is_text(name)]
    if unwritable:
        raise ImageFolderError(
            f"{root}: the names of class folders are not UTF-8: {first_few(unwritable)}. Rename them: these are "
            "the names of the classes."
        )


def _refuse_links_out(root: Path, names: Sequence[str]) -> None:
    out = [name for name in names if not lies_in(os.path.realpath(root / name), str(root))]
    if out:
        raise ImageFolderError(
            f"{root}: class folders are links that lead out of this folder: {first_few(out)}. Add --follow-links to "
            "take the pictures there."
        )


def _spread(sizes: Sequence[int], limit: int) -> list[int]:
    """Return the positions of `limit` images in a list of classes with these sizes, one class after the other."""
    firsts = np.cumsum([0, *sizes[:-1]])
    quotas = _quotas(sizes, limit)
    return [
        int(first) + k * size // quota
        for first, size, quota in zip(firsts, sizes, quotas, strict=True)
        for k in range(quota)
    ]


def _quotas(sizes: Sequence[int], limit: int) -> list[int]:
    """Return the number of images to take from each class; what small classes lack is shared among the larger ones."""
    quotas = [0] * len(sizes)
    left = min(limit, sum(sizes))
    while left:
        unfilled = [label for label, size in enumerate(sizes) if quotas[label] < size]
        share = left // len(unfilled)
        if share == 0:
            # Fewer images than classes: evenly spread classes get one image each.
            unfilled = [unfilled[k * len(unfilled) // left] for k in range(left)]
        for label in unfilled:
            quotas[label] += min(max(share, 1), sizes[label] - quotas[label])
        left = min(limit, sum(sizes)) - sum(quotas)
    return quotas
