"""The embedded example's image folder: drawn by code, the same pictures from the same seed on every machine.

::

    <root>/train/<class>/0000.png ...       pictures, 96 by 96, colour
    <root>/val/<class>/0000.png ...
    <root>/masks/parts.json                 category -> index -> part name
    <root>/masks/<split>/<class>/0000-<category>.png
                                            which part each pixel shows: an indexed-colour PNG whose pixel values are
                                            the indices of `parts.json`; 0 means no part of this category
    <root>/drawn.json                       what the folder was drawn with

A picture depends on seed, split, class and its own number only, so any one can be drawn alone.
"""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from precompute.errors import DiskError, ImageFolderError
from precompute.images.drawing.palette import PARTS
from precompute.images.drawing.parallel import SPLITS, draw_pictures
from precompute.images.drawing.scenes import RECIPES

DEMO_CLASSES: tuple[tuple[str, str], ...] = tuple((recipe.name, recipe.name.replace("_", " ")) for recipe in RECIPES)
"""Folder name and title of every class, in the order of the network's outputs."""

TRAIN_PER_CLASS = 250
VAL_PER_CLASS = 50

_MARKER = "drawn.json"
_FORGOTTEN = 3600  # seconds after which an unfinished folder counts as left behind by a killed run


def draw_demo_images(
    root: Path,
    *,
    seed: int = 0,
    train_per_class: int = TRAIN_PER_CLASS,
    val_per_class: int = VAL_PER_CLASS,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Draw the example's image folder, unless it is there already.

    The folder is drawn under another name beside `root` and takes its place when it is complete. A folder drawn with
    another seed, other sizes or an earlier version of the drawing code is replaced.

    Parameters
    ----------
    root : Path
        The folder to make.
    seed : int
        Other seeds give other pictures of the same classes.
    train_per_class, val_per_class : int
        Pictures of each class in the two splits.
    progress : callable, optional
        Called with the number of pictures drawn and the number to draw.

    Raises
    ------
    ImageFolderError
        If `root` exists and was not drawn by this function.
    DiskError
        If the folder cannot be written.
    """
    recipe = _recipe(seed, train_per_class, val_per_class)
    if _drawn_with(root) == recipe:
        return
    _refuse_foreign(root)
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        _remove_forgotten(root)
        with tempfile.TemporaryDirectory(prefix=f".{root.name}-", dir=root.parent) as workshop:
            folder = Path(workshop) / "new"
            _draw_folder(folder, recipe, progress or (lambda done, total: None))
            _take_place(folder, root, aside=Path(workshop) / "old")
    except OSError as error:
        reason = error.strerror or str(error)
        raise DiskError(
            f"{root}: the demo's pictures cannot be written here ({reason}). Choose another place with --out."
        ) from error


def is_drawn(
    root: Path, *, seed: int = 0, train_per_class: int = TRAIN_PER_CLASS, val_per_class: int = VAL_PER_CLASS
) -> bool:
    """Tell whether `draw_demo_images` with the same arguments would find its work done."""
    return _drawn_with(root) == _recipe(seed, train_per_class, val_per_class)


def _recipe(seed: int, train_per_class: int, val_per_class: int) -> dict[str, int | str]:
    return {"code": _code_hash(), "seed": seed, "train": train_per_class, "val": val_per_class}


def _code_hash() -> str:
    """Hash the drawing code itself: a version number is forgotten when a curve changes, this is not."""
    digest = hashlib.sha256()
    for source in [Path(__file__), *sorted((Path(__file__).parent / "drawing").glob("*.py"))]:
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def _drawn_with(root: Path) -> object:
    try:
        return json.loads((root / _MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _refuse_foreign(root: Path) -> None:
    if root.exists() and not (root / _MARKER).is_file() and (not root.is_dir() or any(root.iterdir())):
        raise ImageFolderError(
            f"{root}: expected a folder drawn by the demo, or nothing, but found other files. "
            "Move them away, or choose another place with --out."
        )


def _remove_forgotten(root: Path) -> None:
    for workshop in root.parent.glob(f".{root.name}-*"):
        if time.time() - workshop.stat().st_mtime > _FORGOTTEN:
            shutil.rmtree(workshop, ignore_errors=True)


def _take_place(folder: Path, root: Path, *, aside: Path) -> None:
    if root.exists():
        root.rename(aside)
    folder.rename(root)


def _draw_folder(folder: Path, recipe: dict[str, int | str], progress: Callable[[int, int], None]) -> None:
    for split in SPLITS:
        for name, _ in DEMO_CLASSES:
            (folder / split / name).mkdir(parents=True)
            (folder / "masks" / split / name).mkdir(parents=True)
    names = {category: dict(enumerate(parts, start=1)) for category, parts in PARTS.items()}
    (folder / "masks" / "parts.json").write_text(json.dumps(names, indent=2))
    draw_pictures(folder, int(recipe["seed"]), {split: int(recipe[split]) for split in SPLITS}, progress)
    # Last: with it the folder calls itself complete.
    (folder / _MARKER).write_text(json.dumps(recipe))
