"""The question in the URL: reading it and putting it into words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from explorer.format import count, number
from explorer.navigate import View
from explorer.origin import Origin
from explorer.selection import Selection
from precompute.attribution_methods import METHODS
from precompute.errors import OptionError
from precompute.store.keep import ACTIVATIONS, lacks
from precompute.store.reader import Layer
from precompute.what_if.request import IMAGE, MEAN, MOST_PAIRED, OFF, SCALE, Change, Request
from precompute.what_if.unit_list import read_units, write_units

MINE = "mine"
"""The word in the URL for a picture of the reader, in place of the number of an image."""
_MOST_NAMED = 12


@dataclass(frozen=True)
class Asked:
    """The question that the URL asks.

    Parameters
    ----------
    units : tuple of int
        The units, ascending; empty if none are named.
    change : Change
        How the units are changed.
    on : int or str or None
        The number of the image, `MINE` for a picture of the reader, None for all images.
    pairs : bool
        Whether the question is also about every pair of units.
    method : str or None
        The attribution method that explains the units on the one image, if any.
    problems : tuple of str
        A sentence for each part of the URL that cannot be used.
    """

    units: tuple[int, ...] = ()
    change: Change = field(default_factory=Change)
    on: int | str | None = None
    pairs: bool = False
    method: str | None = None
    problems: tuple[str, ...] = ()

    def request(self, layer: str) -> Request | None:
        """Return the request for the process that runs the network; None if no units are named."""
        if not self.units:
            return None
        image = self.on if isinstance(self.on, int) else None
        return Request(layer, self.units, self.change, image, self.on == MINE, self.pairs, self.method)


def read(chosen: Selection, layer: Layer, n_images: int) -> Asked:
    """Read the parts of the URL; parts that cannot be used are left out and become sentences in ``problems``."""
    problems: list[str] = []
    units: tuple[int, ...] = ()
    on = _image(chosen.on, n_images, problems)
    try:
        units = read_units(chosen.units or "", layer.n_units)
    except OptionError as error:
        problems.append(str(error))
    try:
        change = Change.read(chosen.change or OFF)
        if change.kind == IMAGE and change.image >= n_images:
            raise OptionError(f"There is no image {change.image}: they run from 0 to {n_images - 1}.")
        if change.kind == MEAN and not layer.keeps_all:
            raise OptionError(lacks(ACTIVATIONS))
    except OptionError as error:
        change = Change()
        problems.append(f"{error} The units are set to zero instead.")
    pairs = chosen.pairs == "yes" and on is None and 2 <= len(units) <= MOST_PAIRED
    method = chosen.by if on is not None and chosen.by in METHODS else None
    return Asked(units, change, on, pairs, method, tuple(problems))


def _image(text: str | None, n_images: int, problems: list[str]) -> int | str | None:
    if text is None or text == MINE:
        return text
    if text.isascii() and text.isdigit() and len(text) <= 9 and int(text) < n_images:
        return int(text)
    problems.append(f"There is no image “{text[:40]}”: they run from 0 to {n_images - 1}. All are looked at instead.")
    return None


def units_words(units: Sequence[int]) -> str:
    """Name units, such as ``unit 3`` or ``units 3, 7 and 9``; only count them if they form too many runs."""
    parts = write_units(units).replace("-", "–").split(", ")
    if len(units) == 1:
        return f"unit {parts[0]}"
    if len(parts) > _MOST_NAMED:
        return count(len(units), "unit")
    return f"units {' and '.join(filter(None, [', '.join(parts[:-1]), parts[-1]]))}"


def origin_of(view: View, layer: Layer, asked: Asked) -> Origin:
    """Return the origin of an answer's figures."""
    shown = image_words(asked.on) if isinstance(asked.on, int) else "a picture of the reader's"
    return view.origin(layer.name, change_words(asked.units, asked.change), *([] if asked.on is None else [shown]))


def image_words(image: int) -> str:
    """Name an image of the store by its place, from 1, as its own page does."""
    return f"image {image + 1:,}"


def change_words(units: Sequence[int], change: Change) -> str:
    """Return the change as the beginning of a sentence: ``Without unit 3``, ``With units 3 and 7 times 2``."""
    named = units_words(units)
    if change.kind == OFF:
        return f"Without {named}"
    if change.kind == MEAN:
        return f"With {named} at {'its mean' if len(units) == 1 else 'their means'}"
    if change.kind == SCALE:
        return f"With {named} times {number(change.factor, 2).rstrip('0').rstrip('.')}"
    return f"With {named} as on {image_words(change.image)}"
