"""Units of a layer matched with units of another layer, of the same store or of another store of the same images."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from precompute.errors import StoreError
from precompute.measures.unit_matches import Matches, MatchNull, best_matches, match_null, same_number
from precompute.store.reader import Layer, Store

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.integer[Any]]
Bools = NDArray[np.bool_]

MOST_IMAGES = 2048
"""Units are matched over at most this many images, spread evenly over all."""
DRAWS = 19


@dataclass(frozen=True, eq=False)
class MatchedUnits:
    """The best match of every unit, and matches by chance.

    Parameters
    ----------
    found : Matches
        The matches, by the correlation of the units' mean activations over the images.
    shuffled, within : MatchNull
        Matches with the images of the other layer shuffled: over all images, and within each class.
    same : (unit,) array or None
        Correlation with the unit of the same number; None where the layers have different numbers of units.
    n_images : int
        Number of images used.
    """

    found: Matches
    shuffled: MatchNull
    within: MatchNull
    same: Floats | None
    n_images: int

    @property
    def known(self) -> Bools:
        """Units that have a match at all, (unit,)."""
        return np.asarray(self.found.unit >= 0)

    @property
    def beyond(self) -> Bools:
        """Units whose match is better than any with shuffled images, (unit,)."""
        return np.asarray(self.found.r > self.shuffled.ceiling)

    @property
    def beyond_classes(self) -> Bools:
        """Units whose match is also better than any with the images of each class shuffled, (unit,)."""
        return np.asarray(self.beyond & (self.found.r > self.within.ceiling))

    @property
    def n_same(self) -> int:
        """How many units have the unit of the same number as their best match."""
        return int((self.found.unit == np.arange(len(self.found.unit))).sum())


def matched_units(store: Store, layer: str, other: Store, other_layer: str) -> MatchedUnits:
    """Match the units of two layers of stores of the same images; the order of the images may differ.

    Raises
    ------
    StoreError
        Where the images are not the same.
    """
    place = _places(store, other)
    n_all, label = len(place), np.asarray(store.images.label)
    images = np.unique(np.linspace(0, n_all - 1, min(n_all, MOST_IMAGES)).round().astype(np.int64))
    one = _activations(store.layer(layer), images)
    two = _activations(other.layer(other_layer), place[images])
    return MatchedUnits(
        best_matches(one, two),
        match_null(one, two, draws=DRAWS),
        match_null(one, two, group=label[images], draws=DRAWS),
        same_number(one, two) if len(one) == len(two) else None,
        len(images),
    )


def _places(store: Store, other: Store) -> Ints:
    """Return, for each image of a store, its place in the other store; equal list hashes do not imply equal order."""
    if store.images.list_hash == other.images.list_hash:
        place = {path: number for number, path in enumerate(other.images.path)}
        found = np.array([place.get(path, -1) for path in store.images.path], dtype=np.int64)
        if (found >= 0).all():
            return found
    raise StoreError(
        f"{store.path} and {other.path} are not of the same images, so their units cannot be matched. Run both "
        "networks on one folder of images."
    )


def _activations(layer: Layer, images: Ints) -> Floats:
    """Read the mean activations of all units on some images, (unit, image), a run of units at a time."""
    return np.concatenate([layer.activation(block).mean[:, images] for block in layer.blocks()])
