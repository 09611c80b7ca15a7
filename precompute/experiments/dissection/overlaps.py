"""Count where units are active and where concepts are: one pass over the pictures for thresholds, one for overlaps."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np

from precompute.experiments.dissection.annotated_images import AnnotatedImages, n_cells
from precompute.experiments.protocol import Advance
from precompute.images.concepts import NONE
from precompute.measures.iou import Active, ConceptLabels, Overlap, largest, n_above, thresholds

_LOT = 64


@dataclass(frozen=True, eq=False)
class LayerInBasis:
    """A layer in one basis of its space.

    Parameters
    ----------
    layer
        Index of the layer in the annotated images.
    basis
        (direction, unit): a rotation, whose directions take the place of units; None for the units themselves.
    n_shuffles
        With the masks of how many other pictures to compare each picture's maps, for the chance level.
    """

    layer: int
    basis: np.ndarray | None = None
    n_shuffles: int = 0

    def of(self, maps: list[np.ndarray]) -> np.ndarray:
        """Return the layer's maps in this basis, (image, direction, height, width), given the maps of every layer."""
        seen = maps[self.layer]
        if self.basis is None:
            return seen
        return np.moveaxis(np.tensordot(self.basis, seen, axes=(1, 1)), 0, 1)


@dataclass(frozen=True, eq=False)
class OverlapCounts:
    """What was counted on some pictures.

    ``n_images``, (concept,): how many show each concept. ``overlaps``: for each layer and basis the overlaps with the
    pictures' own masks, and then with those of other pictures, one for each shuffle.
    """

    n_images: np.ndarray
    overlaps: list[list[Overlap]]

    def __add__(self, other: "OverlapCounts") -> "OverlapCounts":
        pairs = zip(self.overlaps, other.overlaps, strict=True)
        summed = [[one + more for one, more in zip(*pair, strict=True)] for pair in pairs]
        return OverlapCounts(self.n_images + other.n_images, summed)


def find_thresholds(
    pictures: AnnotatedImages, sights: Sequence[LayerInBasis], chosen: np.ndarray, *, quantile: float, advance: Advance
) -> list[np.ndarray]:
    """Find the threshold of each unit: the exact value that it exceeds at no more than a share of all positions.

    Parameters
    ----------
    pictures
        The pictures.
    sights
        The layers, each in one or more bases.
    chosen
        (image,): positions of the pictures to use.
    quantile
        The share of the positions of all pictures together.
    advance
        Called with the number of pictures done.

    Returns
    -------
    list of np.ndarray
        For each layer and basis (unit,): NaN for units without a threshold.
    """
    sites = [pictures.sites[sight.layer] for sight in sights]
    held = [np.empty((site.n_units, 0), dtype=np.float32) for site in sites]
    n_positions = [len(chosen) * n_cells(site) for site in sites]
    for where, maps in pictures.maps(chosen, verified=True):
        for place, sight in enumerate(sights):
            values = sight.of(maps).swapaxes(0, 1).reshape(sites[place].n_units, -1)
            held[place] = largest(held[place], values, n_above(n_positions[place], quantile) + 1)
        advance(len(where))
    return [thresholds(each, n, quantile) for each, n in zip(held, n_positions, strict=True)]


def count_overlaps(
    pictures: AnnotatedImages,
    sights: Sequence[LayerInBasis],
    chosen: np.ndarray,
    *,
    found: list[np.ndarray],
    advance: Advance,
) -> OverlapCounts:
    """Count overlaps over all pictures.

    Parameters
    ----------
    pictures, sights, chosen, advance
        As for :func:`find_thresholds`. The maps of a picture are also compared with the masks of its neighbours in
        `chosen`, so `chosen` must be in random order.
    found
        The thresholds, as :func:`find_thresholds` returns them.
    """
    lots = _lots(_looked(pictures, sights, chosen, found, advance))
    return reduce(add, (_counted(lot, sights, pictures.masks.category, found) for lot in lots))


@dataclass(frozen=True, eq=False)
class _Picture:
    """One picture: its masks, (plane, position), and for each layer and basis the active units and their positions."""

    planes: np.ndarray
    active: list[tuple[np.ndarray, np.ndarray]]


def _looked(
    pictures: AnnotatedImages,
    sights: Sequence[LayerInBasis],
    chosen: np.ndarray,
    found: list[np.ndarray],
    advance: Advance,
) -> Iterator[_Picture]:
    for where, maps in pictures.maps(chosen, verified=False):
        seen = [sight.of(maps) for sight in sights]
        for row, position in enumerate(where):
            planes = pictures.planes(int(position))
            active = [
                pictures.active(sight.layer, each[row], threshold)
                for sight, each, threshold in zip(sights, seen, found, strict=True)
            ]
            yield _Picture(planes.reshape(len(planes), -1), active)
        advance(len(where))


def _lots(looked: Iterable[_Picture]) -> Iterator[list[_Picture]]:
    """Gather pictures in lots. The last lot may be nearly twice as large, so that no lot is too small for shuffles."""
    waiting: list[_Picture] = []
    for each in looked:
        waiting.append(each)
        if len(waiting) == 2 * _LOT:
            yield waiting[:_LOT]
            waiting = waiting[_LOT:]
    yield waiting


def _counted(
    lot: list[_Picture], sights: Sequence[LayerInBasis], category: np.ndarray, found: list[np.ndarray]
) -> OverlapCounts:
    labels = ConceptLabels.of(_stacked([each.planes for each in lot]), category)
    overlaps = []
    for place, sight in enumerate(sights):
        active = _gathered(lot, place)
        shifts = (0, *(1 + shuffle % max(1, len(lot) - 1) for shuffle in range(sight.n_shuffles)))
        held = (active.against(shift, len(lot)) for shift in shifts)
        overlaps.append([Overlap.of(each, labels, n_units=len(found[place])) for each in held])
    return OverlapCounts(labels.n_images, overlaps)


def _stacked(planes: list[np.ndarray]) -> np.ndarray:
    """Join the planes of some pictures, (image, plane, position); where a picture has fewer, empty ones are added."""
    most = max(len(each) for each in planes)
    return np.stack([np.pad(each, ((0, most - len(each)), (0, 0)), constant_values=NONE) for each in planes])


def _gathered(lot: list[_Picture], place: int) -> Active:
    units, positions = zip(*(each.active[place] for each in lot), strict=True)
    image = np.repeat(np.arange(len(lot)), [len(each) for each in units])
    return Active(image, np.concatenate(units), np.concatenate(positions))
