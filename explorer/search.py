"""Finding what a few typed letters mean: units by number or label, classes by their names, images by their paths."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from explorer.labels import Label
from precompute.store.reader import Store

MOST_SHOWN = 8
_LONGEST_NUMBER = 7


@dataclass(frozen=True)
class Found:
    """What a text may mean.

    Parameters
    ----------
    units : tuple of (str, int)
        Units by layer and number, those of the layer that is looked at first.
    classes, images : tuple of int
        The best matches, at most `MOST_SHOWN` of each.
    n_classes, n_images : int
        How many match.
    labelled : tuple of Label
        Labels that match, the best first, at most `MOST_SHOWN`.
    n_labelled : int
        How many match.
    """

    units: tuple[tuple[str, int], ...]
    classes: tuple[int, ...]
    images: tuple[int, ...]
    n_classes: int
    n_images: int
    labelled: tuple[Label, ...] = ()
    n_labelled: int = 0

    @property
    def is_one(self) -> bool:
        """Whether it can mean one thing only."""
        return len(self.units) + self.n_classes + self.n_images + self.n_labelled == 1


def search(text: str, store: Store, layer: str | None, labels: Sequence[Label] = ()) -> Found:
    """Look for a text in a store, whether its letters are large or small.

    Parameters
    ----------
    text : str
        ``12``, ``unit 12`` or ``features.10:12`` is a unit; anything may be a part of a name or of a path.
    store : Store
        Where to look.
    layer : str or None
        The layer that is looked at.
    labels : sequence of Label
        What people call units.

    Returns
    -------
    Found
        Names that begin with the text come before those that hold it elsewhere, and a name that is the text before all.
    """
    sought = " ".join(text.casefold().split())
    if not sought:
        return Found((), (), (), 0, 0)
    units = _units(sought, store, layer)
    if units and not sought.isdigit():  # it can be nothing else
        return Found(units, (), (), 0, 0)
    titles = zip(store.classes.title, store.classes.name, strict=True)
    classes = _ranked(sought, [f"{title}\n{name}" for title, name in titles])
    images = _ranked(sought, store.images.path)
    layers = {held.name: held.n_units for held in store.layers}
    known = [label for label in labels if label.unit < layers.get(label.layer, 0)]
    labelled = [known[at] for at in _ranked(sought, [label.text for label in known])]
    return Found(
        units,
        tuple(classes[:MOST_SHOWN]),
        tuple(images[:MOST_SHOWN]),
        len(classes),
        len(images),
        tuple(labelled[:MOST_SHOWN]),
        len(labelled),
    )


def _units(sought: str, store: Store, layer: str | None) -> tuple[tuple[str, int], ...]:
    named = re.fullmatch(r"(?:(?P<layer>.*?\S)\s*[: ]\s*)?(?:unit\s*)?(?P<unit>[0-9]+)", sought)
    if named is None or len(named["unit"]) > _LONGEST_NUMBER:
        return ()
    asked, unit = named["layer"], int(named["unit"])
    held = [one for one in store.layers if unit < one.n_units and asked in (None, "unit", one.name.casefold())]
    return tuple((one.name, unit) for one in sorted(held, key=lambda one: one.name != layer))


def _ranked(sought: str, names: Sequence[str]) -> list[int]:
    """Return which names hold a text, the best first; a name may be several, a line each."""
    held = [(index, name.casefold()) for index, name in enumerate(names)]
    return [index for _, index in sorted((_rank(sought, name), index) for index, name in held if sought in name)]


def _rank(sought: str, name: str) -> int:
    lines = name.split("\n")
    return 0 if sought in lines else 1 if any(line.startswith(sought) for line in lines) else 2
