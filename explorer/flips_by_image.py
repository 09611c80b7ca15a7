"""The changed predictions of a layer by image: the units without which the prediction of an image changes."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from precompute.measures.paired import FlipTable

Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class FlipsByImage:
    """All flips of a layer in order of image, then unit.

    Parameters
    ----------
    unit, image, prediction : (flip,) integer arrays
        The unit that is silenced, the image, and its new prediction.
    edges : (image + 1,) integer array
        Flips edges[i] up to, not including, edges[i + 1] are those of image i.
    n_units : int
        Number of units of the layer.
    """

    unit: Ints
    image: Ints
    prediction: Ints
    edges: Ints
    n_units: int

    @classmethod
    def of(cls, table: FlipTable, n_images: int) -> Self:
        """Sort a table that is in order of unit by image."""
        order = np.argsort(table.image, kind="stable")
        image = table.image[order].astype(np.int32)
        edges = np.searchsorted(image, np.arange(n_images + 1))
        unit, prediction = (held[order].astype(np.int32) for held in (table.unit, table.prediction))
        return cls(unit, image, prediction, edges, table.n_units)

    def of_image(self, image: int) -> tuple[Ints, Ints]:
        """Return the units without which the prediction of an image changes, in order, and the new predictions."""
        here = slice(self.edges[image], self.edges[image + 1])
        return self.unit[here], self.prediction[here]

    def of_images(self, images: Ints) -> FlipTable:
        """Return the flips of some images, in order of image."""
        lengths = self.edges[images + 1] - self.edges[images]
        first = np.repeat(self.edges[images] - np.cumsum(lengths) + lengths, lengths)
        at = first + np.arange(lengths.sum())
        return FlipTable(self.unit[at], self.image[at], self.prediction[at], self.n_units)
