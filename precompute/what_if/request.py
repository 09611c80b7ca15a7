"""A question to a network: which units of a layer are changed, how, and on which images."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from precompute.attribution_methods import METHODS
from precompute.errors import OptionError

OFF, MEAN, SCALE, IMAGE = "off", "mean", "scale", "image"
AFTER, OWN, ALL = 0, 1, 2
"""Which weights are in random order: of the layers after the one that is asked about, of its own, or all."""
LEAST_FACTOR, MOST_FACTOR = -1.0, 3.0
MOST_PAIRED = 10
"""Units of which every pair is changed on request: 45 pairs."""


@dataclass(frozen=True)
class Change:
    """What becomes of the units.

    Parameters
    ----------
    kind : str
        ``off``: set to zero. ``mean``: set to their means over the store's images. ``scale``: multiplied by `factor`.
        ``image``: set to their maps on another image.
    factor : float
        Of ``scale``, from -1 to 3; 1 leaves the units as they are.
    image : int
        Of ``image``: the number of an image of the store.

    Raises
    ------
    OptionError
        Where it is none of these.
    """

    kind: str = OFF
    factor: float = 0.0
    image: int = 0

    def __post_init__(self) -> None:
        if self.kind not in (OFF, MEAN, SCALE, IMAGE):
            raise OptionError(f"There is no change “{self.kind[:40]}”. Choose off, mean, scale or image.")
        if self.kind == SCALE and not (math.isfinite(self.factor) and LEAST_FACTOR <= self.factor <= MOST_FACTOR):
            raise OptionError(f"A factor lies between {LEAST_FACTOR:g} and {MOST_FACTOR:g}, not at {self.factor:g}.")
        if self.image < 0:
            raise OptionError(f"There is no image {self.image}.")

    @property
    def stored_as(self) -> str | None:
        """The kind of ablation by which stores hold it for every unit alone; None where they do not."""
        return {OFF: "zero", MEAN: "mean"}.get(self.kind)

    def written(self) -> str:
        """Return it as text: ``off``, ``mean``, ``scale:1.5`` or ``image:17``."""
        told = {SCALE: f":{self.factor:g}", IMAGE: f":{self.image}"}
        return self.kind + told.get(self.kind, "")

    @classmethod
    def read(cls, text: str) -> "Change":
        """Read what :meth:`written` writes.

        Raises
        ------
        OptionError
            Where it is something else.
        """
        kind, _, told = text.partition(":")
        try:
            if kind == SCALE:
                return cls(kind, factor=float(told))
            if kind == IMAGE and told.isascii() and told.isdigit():
                return cls(kind, image=int(told[:9]))
        except ValueError as error:
            raise OptionError(f"“{told[:40]}” is no factor.") from error
        if told or kind == IMAGE:
            raise OptionError(f"There is no change “{text[:40]}”. Write off, mean, scale:2 or image:17.")
        return cls(kind)


@dataclass(frozen=True)
class Request:
    """One question.

    Parameters
    ----------
    layer : str
        The layer's name.
    units : tuple of int
        Its units, ascending, each once, one at least.
    change : Change
        What becomes of them.
    image : int or None
        The one image of the store to look at; None for all of them.
    upload : bool
        Whether to look at a picture that comes with the question, in place of the store's.
    pairs : bool
        Whether every unit and every pair of the units is changed too; for `MOST_PAIRED` units at most.
    method : str or None
        By which attribution method the first units are attributed to the one image, as they are before the change; see
        `precompute.attribution_methods`.
    random : bool
        Whether the first of them is attributed again with random weights.

    Raises
    ------
    OptionError
        Where there are no units, or too many to pair, or there is no such method, or none to compare by.
    """

    layer: str
    units: tuple[int, ...]
    change: Change = Change()
    image: int | None = None
    upload: bool = False
    pairs: bool = False
    method: str | None = None
    random: bool = False

    def __post_init__(self) -> None:
        if self.method is not None and self.method not in METHODS:
            raise OptionError(f"There is no method “{self.method[:40]}”. Choose of {', '.join(METHODS)}.")
        if self.random and not (self.method and self.of_one_image):
            raise OptionError("Maps with random weights are made by a method, of one image.")
        if not self.units:
            raise OptionError("No units were chosen. Name one at least.")
        if self.units != tuple(sorted(set(self.units))) or self.units[0] < 0:
            raise OptionError("Units are numbers from 0, in ascending order, each once.")
        if self.pairs and len(self.units) > MOST_PAIRED:
            raise OptionError(f"Pairs are for {MOST_PAIRED} units at most; these are {len(self.units)}.")

    @property
    def of_one_image(self) -> bool:
        """Whether it is about one image."""
        return self.upload or self.image is not None

    def as_json(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return {
            "layer": self.layer,
            "units": list(self.units),
            "change": self.change.written(),
            "image": self.image,
            "upload": self.upload,
            "pairs": self.pairs,
            "method": self.method,
            "random": self.random,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Request":
        """Take what :meth:`as_json` returns.

        Raises
        ------
        OptionError
            Where it is something else.
        """
        try:
            image, method = told["image"], told["method"]
            return cls(
                str(told["layer"]),
                tuple(int(unit) for unit in told["units"]),
                Change.read(str(told["change"])),
                None if image is None else int(image),
                bool(told["upload"]),
                bool(told["pairs"]),
                None if method is None else str(method),
                bool(told["random"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise OptionError(f"This is no question of a what-if: {error!r}.") from error
