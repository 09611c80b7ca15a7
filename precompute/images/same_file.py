"""Files that are listed more than once, by links: in two classes, in one class, or also as training images."""

from collections.abc import Iterator

from precompute.errors import ImageFolderError
from precompute.images.folder import ImageList
from precompute.words import first_few

_Identity = tuple[int, int]


def refuse_in_two_classes(images: ImageList) -> str | None:
    """Refuse a list in which one file is an image of two classes; return a sentence on files listed twice in one class.

    Returns
    -------
    str or None
        The sentence; None if no file is listed twice.

    Raises
    ------
    ImageFolderError
        If a file is an image of two classes. The message names the paths.
    """
    pairs = list(_repeated(images))
    label = dict(zip(images.paths, images.labels.tolist(), strict=True))
    if wrong := [(path, first) for path, first in pairs if label[path] != label[first]]:
        raise ImageFolderError(
            f"{images.root}: the same file is an image of two classes, which have different outputs: {_told(wrong)}. "
            "Keep it in one class."
        )
    if not pairs:
        return None
    return (
        f"{len(pairs):,} of the {len(images):,} images are files that are also listed under another path, by links: "
        f"{_told(pairs)}. Each counts as an image of its own, so intervals and tests look surer than they are."
    )


def refuse_for_both(images: ImageList, train: ImageList) -> None:
    """Refuse training images if some are the same files as images of the run.

    Raises
    ------
    ImageFolderError
        If there are any. The message names their paths in both lists.
    """
    known = _first_paths(images)
    pairs = [(path, known[identity]) for path, identity in _identities(train) if identity in known]
    if pairs:
        raise ImageFolderError(
            f"{train.root}: {len(pairs):,} of the training images are the same files as images of {images.root}: "
            f"{_told(pairs)}. Give only images that the network was trained on and that are not images of the run."
        )


def _first_paths(images: ImageList) -> dict[_Identity, str]:
    first: dict[_Identity, str] = {}
    for path, identity in _identities(images):
        first.setdefault(identity, path)
    return first


def _repeated(images: ImageList) -> Iterator[tuple[str, str]]:
    """Yield each path whose file came before in the list, with the earlier path."""
    first: dict[_Identity, str] = {}
    for path, identity in _identities(images):
        if (before := first.setdefault(identity, path)) != path:
            yield path, before


def _identities(images: ImageList) -> Iterator[tuple[str, _Identity]]:
    """Yield each path that will be opened, with what the system tells files apart by; some systems have nothing."""
    for path in images.paths:
        if path in images.left_out:
            continue
        try:
            found = (images.root / path).stat()
        except (OSError, ValueError):  # the run reports it when it reads the file
            continue
        if found.st_ino:
            yield path, (found.st_dev, found.st_ino)


def _told(pairs: list[tuple[str, str]]) -> str:
    return first_few([f"{path} is {first}" for path, first in pairs], 4)
