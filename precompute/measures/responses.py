"""The inputs of measures of activations: the activations of some units, and the classes of the images."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Labels:
    """The classes of some images.

    Parameters
    ----------
    label
        (image,) class of each image.
    n_classes
        Number of classes.
    k
        The k of precision at k.
    """

    label: NDArray[Any]
    n_classes: int
    k: int

    def on(self, images: NDArray[Any]) -> "Labels":
        """Return the labels of some of the images, chosen by an (image,) bool array."""
        return replace(self, label=self.label[images])


@dataclass(frozen=True, eq=False)
class Responses:
    """Activations of some units on some images, (unit, image) each.

    Parameters
    ----------
    max, mean
        Maximum and mean over space.
    rate
        Never below zero: the mean over space; in layers that go below zero, the mean of the positive part.
    """

    max: NDArray[Any]
    mean: NDArray[Any]
    rate: NDArray[Any]

    def on(self, images: NDArray[Any]) -> "Responses":
        """Return the responses to some of the images, chosen by an (image,) bool array."""
        return Responses(self.max[:, images], self.mean[:, images], self.rate[:, images])

    @property
    def silent(self) -> NDArray[Any]:
        """Which units are zero everywhere, (unit,) bool: they prefer no class."""
        return np.asarray(~(self.max.any(axis=1) | self.mean.any(axis=1)))
