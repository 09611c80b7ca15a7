"""Pictures among the images that look like masks of others: a run takes them for images, so the user must know it."""

import re
import warnings
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from precompute.images.decoding import FORMATS, Decoding, limited, undecoded
from precompute.images.folder import ImageList
from precompute.images.walk import visible
from precompute.measures.evenly_spread import evenly_spread

_WORDS = r"(?:masks?|segs?|segmentations?|segmaps?|trimaps?|gt|ground_?truths?|annotations?|annos?)"
_WORD = re.compile(rf"(?i){_WORDS}")
_AT_THE_END = re.compile(rf"(?i)^(.+?)[ _.\-]+{_WORDS}(?:[ _.\-]*\d+)?$")
_IN_FRONT = re.compile(rf"(?i)^{_WORDS}[ _.\-]+(.+)$")
_FOLDER = re.compile(rf"(?i)^(?:.+[ _.\-])?{_WORDS}$")
_OF_ONE_CHANNEL = {"1", "L", "P", "I;16", "I"}
_OPENED = 64
_WAY = "A run takes them for images of their class. If they are masks, move them out of the image folder."

_Pairs = list[tuple[str, str]]


def mask_conditions(images: ImageList) -> Iterator[str]:
    """Yield a sentence for pictures that look like masks of others, by their names or by their pixels.

    Parameters
    ----------
    images : ImageList
        The images. Some of those that share a name are opened.
    """
    named, twins = _pairs(images)
    if named:
        yield f"{_counted(len(named), 'called like the mask of another image beside it')}, {_example(named)}. {_WAY}"
    chosen = [twins[place] for place in evenly_spread(len(twins), _OPENED)] if twins else []
    found = [pair for pair in chosen if _is_mask_of(images.root / pair[0], images.root / pair[1])]
    if found:
        said = f"Of {len(chosen)} images that have the name of another one, {len(found)}"
        have = "has" if len(found) == 1 else "have"
        yield f"{said} {have} one channel or a palette where the other has colours, {_example(found)}. {_WAY}"


def _counted(n: int, what: str) -> str:
    return f"1 image is {what}" if n == 1 else f"{n:,} images are each {what}"


def _example(pairs: _Pairs) -> str:
    mask, image = pairs[0]
    return f"such as {mask} of {image}"


def _pairs(images: ImageList) -> tuple[_Pairs, _Pairs]:
    """Return images with the images whose masks they may be: by a word in the name, and by the same name."""
    beside = {folder: _stems(images.root / folder) for folder in {_parted(path)[0] for path in images.paths}}
    called = [path for path in images.paths if _WORD.search(path)]
    of_class: dict[str, dict[str, str]] = {_class_of(path): {} for path in called if _in_masks(path)}
    for path in images.paths if of_class else ():
        if _class_of(path) in of_class and not _in_masks(path):
            of_class[_class_of(path)].setdefault(_parted(path)[1], path)
    named = [(path, owner) for path in called if (owner := _owner(path, beside, of_class)) is not None]
    masks = {path for path, _ in named}
    twins = []
    for path in images.paths:
        folder, stem, ending = _parted(path)
        others = [each for each in beside[folder].get(stem, ()) if each != ending]
        if others and path not in masks:
            twins.append((path, f"{folder}/{stem}{others[0]}"))
    return named, twins


def _owner(path: str, beside: dict[str, dict[str, list[str]]], of_class: dict[str, dict[str, str]]) -> str | None:
    """Return the image whose mask a file is by its name; None where there is no such image."""
    folder, stem, _ = _parted(path)
    for rule in (_AT_THE_END, _IN_FRONT):
        found = rule.match(stem)
        if found and found[1] in beside[folder]:
            return f"{folder}/{found[1]}{beside[folder][found[1]][0]}"
    return of_class[_class_of(path)].get(stem) if _in_masks(path) else None


def _parted(path: str) -> tuple[str, str, str]:
    """Return the folder of a file, its name without the ending, and the ending."""
    folder, _, name = path.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    return (folder, stem, dot + ending) if stem else (folder, name, "")


def _class_of(path: str) -> str:
    return path.partition("/")[0]


def _in_masks(path: str) -> bool:
    return any(_FOLDER.match(part) for part in path.split("/")[1:-1])


def _stems(folder: Path) -> dict[str, list[str]]:
    """Return the endings of the pictures in a folder, sorted, by their names without endings."""
    found: dict[str, list[str]] = defaultdict(list)
    try:
        names = sorted(entry.name for entry in visible(folder))
    except OSError:
        return found
    kinds = Image.registered_extensions()
    for name in names:
        _, stem, ending = _parted(name)
        if kinds.get(ending.lower()) in FORMATS:
            found[stem].append(ending)
    return found


def _is_mask_of(one: Path, other: Path) -> bool:
    return _mode(one) in _OF_ONE_CHANNEL and _mode(other) in ("RGB", "RGBA", "CMYK", "YCbCr")


def _mode(file: Path) -> str | None:
    with warnings.catch_warnings(action="ignore"), limited(Decoding()):
        try:
            with undecoded(file) as picture:
                return str(picture.mode)
        except Exception:  # the run reports it when it reads the file
            return None
