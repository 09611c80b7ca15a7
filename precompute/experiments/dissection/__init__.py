"""Network dissection: how well the positions where a unit is most active coincide with those of a concept."""

from functools import partial
from time import perf_counter

import numpy as np

from precompute.errors import OptionError
from precompute.experiments.dissection.annotated_images import AnnotatedImages, find_masks, n_cells
from precompute.experiments.dissection.concept_overlays import BYTES_A_UNIT, overlay_arrays
from precompute.experiments.dissection.overlaps import LayerInBasis, OverlapCounts, count_overlaps, find_thresholds
from precompute.experiments.image_choice import choose_halves
from precompute.experiments.protocol import Advance, Arrays, Findings, Job, Prepared
from precompute.experiments.restored_run import restore_run
from precompute.measures.iou import Overlap, detectors
from precompute.measures.rotation import random_rotation
from precompute.models.device import exact_float32
from precompute.store.layer import Layer
from precompute.words import size

N_SHUFFLES = 20
N_ROTATIONS = 5

_TIMED = 32
_FEWEST = 100
_HELD_BYTES = 2**30


def prepare(job: Job) -> Prepared:
    """Prepare the dissection of every layer."""
    quantile = job.options.quantile
    with exact_float32():
        restored = restore_run(job.store, job.options)
        masks = find_masks(job.options.masks, restored.images)
        pictures = AnnotatedImages.of(restored, masks, restored.sites(job.layers))
        order = _order(pictures, job.options.images_per_class, seed=job.seed)
        seconds = _time(pictures, order, quantile)
    n_affordable = min(int(60 * job.options.max_minutes / seconds), int(_HELD_BYTES / (_held(pictures) * quantile)))
    chosen = order[: max(_FEWEST, n_affordable)]
    return Prepared(
        seconds=seconds * len(chosen),
        bytes=sum(_bytes(layer, len(masks.names)) for layer in job.layers),
        steps=2 * len(chosen),
        unit="images",
        run=partial(_run, job, pictures, chosen, quantile),
        reduced=_reduced(len(chosen), len(order), job.options.max_minutes),
        notes=(_masks_used(pictures),),
    )


# What is looked at


def _order(pictures: AnnotatedImages, per_class: int | None, *, seed: int) -> np.ndarray:
    """Return the positions of the annotated pictures in random order, so that neighbours have nothing in common."""
    marked = pictures.masks.annotated
    used = choose_halves(pictures.masks.images.labels[marked], per_class, seed=seed) >= 0
    if used.sum() < 2:
        raise OptionError(
            f"{pictures.masks.root}: expected masks of at least 2 images, to compare units with masks of other images "
            f"too, but found {used.sum()}. Mark more images, or allow more of each class with --images-per-class."
        )
    return np.random.default_rng(seed).permutation(marked[used])


def _masks_used(pictures: AnnotatedImages) -> str:
    masks = pictures.masks
    whose = "of the store" if pictures.of_store else f"in {masks.images.root}, which are not the store's"
    return (
        f"{len(masks.names)} concepts of {len(masks.category_names)} categories, by the masks in {masks.root} of "
        f"{len(masks.annotated)} images {whose}"
    )


# What it costs


def _time(pictures: AnnotatedImages, order: np.ndarray, quantile: float) -> float:
    """Return the seconds that one picture takes; the whole work is timed on a few."""
    few = order[:_TIMED]
    started = perf_counter()
    sights = _layers_in_bases(pictures, seed=0)
    found = find_thresholds(pictures, sights, few, quantile=quantile, advance=lambda n: None)
    count_overlaps(pictures, sights, few, found=found, advance=lambda n: None)
    return (perf_counter() - started) / len(few)


def _held(pictures: AnnotatedImages) -> float:
    """Return the bytes of all activations on one picture, in every basis."""
    return 4 * (1 + N_ROTATIONS) * sum(site.n_units * n_cells(site) for site in pictures.sites)


def _bytes(layer: Layer, n_concepts: int) -> float:
    return layer.n_units * (4 * (n_concepts + N_SHUFFLES + 2 * N_ROTATIONS + 1) + BYTES_A_UNIT)


def _reduced(n_chosen: int, n_images: int, minutes: float) -> str | None:
    if n_chosen == n_images:
        return None
    return (
        f"To stay within {minutes:g} min and {size(_HELD_BYTES)} of memory, only {n_chosen} of the {n_images} "
        "annotated images are used, drawn at random; --max-minutes allows more time."
    )


# The work


def _run(job: Job, pictures: AnnotatedImages, chosen: np.ndarray, quantile: float, advance: Advance) -> Findings:
    sights = _layers_in_bases(pictures, seed=job.seed)
    with exact_float32():
        found = find_thresholds(pictures, sights, chosen, quantile=quantile, advance=advance)
        counts = count_overlaps(pictures, sights, chosen, found=found, advance=advance)
    arrays = _concepts(pictures, chosen, counts)
    measures: dict[str, Arrays] = {}
    for index, layer in enumerate(job.layers):
        of_sights = slice(index * (1 + N_ROTATIONS), (index + 1) * (1 + N_ROTATIONS))
        threshold, *turned = found[of_sights]
        natural, *rotated = counts.overlaps[of_sights]
        iou, *shuffled = (overlap.iou(threshold) for overlap in natural)
        best, chance = detectors(iou), np.stack([detectors(each).iou for each in shuffled])
        measures[layer.name] = {"concept_iou": best.iou, "concept": best.concept}
        of_layer = {"threshold": threshold, "iou": iou, "chance": chance, **_of_rotations(rotated, turned)}
        if pictures.of_store:
            of_layer |= overlay_arrays(pictures, index, layer, iou=iou, threshold=threshold)
        arrays |= {f"layers/{layer.name}/{name}": values for name, values in of_layer.items()}
    return Findings(arrays, measures)


def _layers_in_bases(pictures: AnnotatedImages, *, seed: int) -> list[LayerInBasis]:
    """List each layer in the basis of its units and then in randomly rotated bases, layer by layer."""
    sights = []
    for index, site in enumerate(pictures.sites):
        sights.append(LayerInBasis(index, n_shuffles=N_SHUFFLES))
        bases = (random_rotation(site.n_units, seed=seed + number) for number in range(N_ROTATIONS))
        sights += [LayerInBasis(index, basis.astype(np.float32)) for basis in bases]
    return sights


def _of_rotations(overlaps: list[list[Overlap]], turned: list[np.ndarray]) -> Arrays:
    best = [detectors(own.iou(threshold)) for (own,), threshold in zip(overlaps, turned, strict=True)]
    return {
        "rotated_iou": np.stack([each.iou for each in best]),
        "rotated_concept": np.stack([e.concept for e in best]),
    }


def _concepts(pictures: AnnotatedImages, chosen: np.ndarray, counts: OverlapCounts) -> Arrays:
    masks = pictures.masks
    n_places = len(chosen) * pictures.framing.grid[0] * pictures.framing.grid[1]
    arrays = {
        "concept": np.array(masks.names),
        "category": np.array(masks.categories),
        "n_images": counts.n_images,
        "share": counts.overlaps[0][0].labelled / n_places,
        "folder": np.array([str(masks.images.root), str(masks.root)]),
    }
    if pictures.of_store:
        arrays["used"] = np.isin(np.arange(len(masks.images)), chosen).astype(np.int32)
    return arrays
