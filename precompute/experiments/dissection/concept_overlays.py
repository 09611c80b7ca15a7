"""Small masks of a unit's best concepts on its exemplars, so that they can be drawn without the image folder."""

import numpy as np

from precompute.experiments.dissection.annotated_images import AnnotatedImages
from precompute.experiments.protocol import Arrays
from precompute.images.framing import Framing
from precompute.measures.interpolation import enlarge
from precompute.store.layer import Layer

N_CONCEPTS = 3
N_EXEMPLARS = 12
SIDE = 56
OWN_BIT = 7
"""The bit of a small mask that is set where the unit itself is above its threshold; the lower bits are concepts."""

BYTES_A_UNIT = N_EXEMPLARS * SIDE**2 / 10  # such masks compress to a tenth, about


def overlay_arrays(
    pictures: AnnotatedImages, index: int, layer: Layer, *, iou: np.ndarray, threshold: np.ndarray
) -> Arrays:
    """Make masks of every unit's best concepts, and of the unit itself, on the first of its top exemplars.

    Parameters
    ----------
    pictures
        The store's images with their masks.
    index
        Index of the layer in the annotated images.
    layer
        The same layer in the store.
    iou
        (unit, concept): NaN where undefined.
    threshold
        (unit,): NaN for none.

    Returns
    -------
    dict
        ``shown_concept`` (unit, rank): -1 where there is none. ``shown_mask`` (unit, exemplar, row, column): bit r is
        set where the concept of rank r is, bit `OWN_BIT` where the unit is above its threshold. Empty for a layer
        without exemplars.
    """
    if "top" not in layer.exemplar_kinds:
        return {}
    height, width = pictures.restored.probe.shape[2:]
    framing = Framing(pictures.restored.model.transform, (height, width), max_side=SIDE)
    best = _best(iou)
    held: dict[int, np.ndarray] = {}
    masks = []
    for unit in range(layer.n_units):
        exemplars = layer.exemplars("top", unit)
        images = exemplars.image[:N_EXEMPLARS].tolist()
        for image in images:
            held.setdefault(image, pictures.planes(image, framing))
        own = _enlarged(pictures, index, exemplars.map[:N_EXEMPLARS], framing) > threshold[unit]
        concepts = np.stack([_bits(held[image], best[unit]) for image in images])
        masks.append(concepts | (own.astype(np.uint8) << OWN_BIT))
    return {"shown_concept": best, "shown_mask": np.stack(masks)}


def _enlarged(pictures: AnnotatedImages, index: int, maps: np.ndarray, framing: Framing) -> np.ndarray:
    """Enlarge exemplar maps, which the run may have averaged down to fewer cells than the layer has."""
    held, full = maps.shape[1:], pictures.sites[index].spatial_shape or (1, 1)
    down, across = (
        (place + 0.5) * few / many - 0.5
        for place, few, many in zip(pictures.places(index, framing), held, full, strict=True)
    )
    return enlarge(maps, down, across)


def _best(iou: np.ndarray) -> np.ndarray:
    """Return the concepts that overlap most with each unit, (unit, rank); -1 where there is none."""
    order = np.argsort(-np.nan_to_num(iou, nan=-1.0), axis=1, kind="stable")[:, :N_CONCEPTS]
    return np.where(np.take_along_axis(iou, order, axis=1) > 0, order, -1).astype(np.int32)


def _bits(planes: np.ndarray, concepts: np.ndarray) -> np.ndarray:
    """Return (row, column): bit r is set where any plane, (plane, row, column), shows the r-th of the concepts."""
    marks = (planes[None] == concepts[:, None, None, None]).any(axis=1) & (concepts >= 0)[:, None, None]
    bit = np.arange(len(concepts), dtype=np.uint8)[:, None, None]
    return np.bitwise_or.reduce(marks.astype(np.uint8) << bit, axis=0)
