"""Files that are images more than once: under another class, or for training too, by links to one file."""

from collections.abc import Iterator, Mapping

from precompute.errors import ImageFolderError
from precompute.images.folder import ImageList
from precompute.words import first_few

_Identity = tuple[int, int]


def refuse_in_two_classes(images: ImageList) -> str | None:
    """Refuse a list in which one file is an image of two classes; say if one is an image of its class more than once.

    Returns
    -------
    str or None
        A sentence on files that are images of their class more than once; None where none is.

    Raises
    ------
    ImageFolderError
        Names the paths by which a file is an image of two classes.
    """
    pairs = list(_repeated(images, {}))
    label = dict(zip(images.paths, images.labels.tolist(), strict=True))
    if wrong := [(path, first) for path, first in pairs if label[path] != label[first]]:
        raise ImageFolderError(
            f"{images.root}: the same file is an image of two classes, which differ in their output: {_told(wrong)}. "
            "Keep it in one class."
        )
    if not pairs:
        return None
    return (
        f"{len(pairs):,} of the {len(images):,} images are files that are listed under another path too, by links: "
        f"{_told(pairs)}. Each counts as an image of its own, which makes intervals and tests look surer than they are."
    )


def refuse_for_both(images: ImageList, train: ImageList) -> None:
    """Refuse training images that are files of the images too.

    Raises
    ------
    ImageFolderError
        Names their paths in both lists.
    """
    pairs = list(_repeated(train, _first_paths(images)))
    if pairs:
        raise ImageFolderError(
            f"{train.root}: {len(pairs):,} of the training images are the same files as images of {images.root}: "
            f"{_told(pairs)}. Training images are others, those that the network has learnt from."
        )


def _first_paths(images: ImageList) -> dict[_Identity, str]:
    first: dict[_Identity, str] = {}
    for path, identity in _identities(images):
        first.setdefault(identity, path)
    return first


def _repeated(images: ImageList, known: Mapping[_Identity, str]) -> Iterator[tuple[str, str]]:
    """Yield each path that is the file of an earlier one, or of a known one, with that one."""
    first = dict(known)
    for path, identity in _identities(images):
        if (before := first.setdefault(identity, path)) != path or identity in known:
            yield path, before


def _identities(images: ImageList) -> Iterator[tuple[str, _Identity]]:
    """Yield path and file of what will be opened, as the system tells files apart; some systems do not."""
    for path in images.paths:
        if path in images.left_out:
            continue
        try:
            found = (images.root / path).stat()
        except (OSError, ValueError):  # whoever opens it will say so
            continue
        if found.st_ino:
            yield path, (found.st_dev, found.st_ino)


def _told(pairs: list[tuple[str, str]]) -> str:
    return first_few([f"{path} is {first}" for path, first in pairs], 4)
