"""A what-if question: which units of a layer to change, how, and on which images."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from precompute.attribution_methods import METHODS
from precompute.errors import OptionError

OFF, MEAN, SCALE, IMAGE = "off", "mean", "scale", "image"
AFTER, OWN, ALL = 0, 1, 2
"""Which weights are in random order: those after the layer in question, the layer's own, or all."""
LEAST_FACTOR, MOST_FACTOR = -1.0, 3.0
MOST_PAIRED = 10
"""The most units whose pairs can all be changed: 45 pairs."""


@dataclass(frozen=True)
class Change:
    """How units are changed.

    Parameters
    ----------
    kind : str
        ``off``: set to zero. ``mean``: set to their means over the store's images. ``scale``: multiplied by `factor`.
        ``image``: set to their maps on another image.
    factor : float
        The factor of ``scale``, from -1 to 3; 1 leaves the units as they are.
    image : int
        For ``image``: the number of an image of the store.

    Raises
    ------
    OptionError
        Where the kind, the factor or the image is none of these.
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
        """The kind of ablation under which stores hold this change of single units; None where they do not."""
        return {OFF: "zero", MEAN: "mean"}.get(self.kind)

    def written(self) -> str:
        """Return the change as text: ``off``, ``mean``, ``scale:1.5`` or ``image:17``."""
        told = {SCALE: f":{self.factor:g}", IMAGE: f":{self.image}"}
        return self.kind + told.get(self.kind, "")

    @classmethod
    def read(cls, text: str) -> "Change":
        """Read a change from the text that :meth:`written` returns.

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
            raise OptionError(f"“{told[:40]}” is not a factor.") from error
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
        Numbers of units, ascending, each once, at least one.
    change : Change
        How the units are changed.
    image : int or None
        The one image of the store that the question is about; None for all images.
    upload : bool
        Whether the question is about a picture that comes with it, in place of the store's images.
    pairs : bool
        Whether every single unit and every pair of the units is changed too; at most `MOST_PAIRED` units.
    method : str or None
        The method by which the first units, unchanged, are attributed to the one image; see
        `precompute.attribution_methods`. None for no attribution.
    random : bool
        Whether the first unit is also attributed with random weights.

    Raises
    ------
    OptionError
        Where there are no units, units are not ascending numbers from 0, or too many to pair; where there is no such
        method; or where random weights are asked for without a method and one image.
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
            raise OptionError(f"There is no method “{self.method[:40]}”. Choose one of {', '.join(METHODS)}.")
        if self.random and not (self.method and self.of_one_image):
            raise OptionError("Maps with random weights need an attribution method and one image. Choose both.")
        if not self.units:
            raise OptionError("No units were chosen. Name at least one.")
        if self.units != tuple(sorted(set(self.units))) or self.units[0] < 0:
            raise OptionError("Units are numbers from 0, in ascending order, each once.")
        if self.pairs and len(self.units) > MOST_PAIRED:
            raise OptionError(f"Pairs are for {MOST_PAIRED} units at most; these are {len(self.units)}.")

    @property
    def of_one_image(self) -> bool:
        """Whether the question is about one image."""
        return self.upload or self.image is not None

    def as_json(self) -> dict[str, Any]:
        """Return the question as values that JSON can hold."""
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
        """Make a question from the values that :meth:`as_json` returns.

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
            raise OptionError(f"This is not a question of a what-if: {error!r}.") from error
