"""Search by typed text: units by number or label, classes by name, images by path."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from explorer.labels import Label
from precompute.store.reader import Store

MOST_SHOWN = 8
_LONGEST_NUMBER = 7


@dataclass(frozen=True)
class Found:
    """The possible meanings of a text.

    Parameters
    ----------
    units : tuple of (str, int)
        Units by layer and number; those of the layer that is looked at come first.
    classes, images : tuple of int
        The best matches, at most `MOST_SHOWN` of each.
    n_classes, n_images : int
        Number of classes and of images that match.
    labelled : tuple of Label
        Labels that match, the best first; at most `MOST_SHOWN`.
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
        """Whether there is exactly one match."""
        return len(self.units) + self.n_classes + self.n_images + self.n_labelled == 1


def search(text: str, store: Store, layer: str | None, labels: Sequence[Label] = ()) -> Found:
    """Search for a text in a store, ignoring case.

    Parameters
    ----------
    text : str
        ``12``, ``unit 12`` or ``features.10:12`` is a unit; any text may be part of a name or of a path.
    store : Store
        Where to look.
    layer : str or None
        The layer that is looked at.
    labels : sequence of Label
        Labels that people gave to units.

    Returns
    -------
    Found
        Names equal to the text come first, then names that begin with it, then names that contain it.
    """
    sought = " ".join(text.casefold().split())
    if not sought:
        return Found((), (), (), 0, 0)
    units = _units(sought, store, layer)
    if units and not sought.isdigit():  # it can mean nothing else
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
    """Return the indices of names that contain a text, the best first; each line of a name counts as a name."""
    held = [(index, name.casefold()) for index, name in enumerate(names)]
    return [index for _, index in sorted((_rank(sought, name), index) for index, name in held if sought in name)]


def _rank(sought: str, name: str) -> int:
    lines = name.split("\n")
    return 0 if sought in lines else 1 if any(line.startswith(sought) for line in lines) else 2
