"""Which concepts units stand for: how well the places where they are most active coincide with a concept's."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial, reduce
from operator import add
from time import perf_counter

import numpy as np

from precompute.errors import ModelError, OptionError
from precompute.experiments.drawn import BYTES_A_UNIT, drawn
from precompute.experiments.job import Advance, Arrays, Findings, Job, Prepared
from precompute.experiments.removal import divided
from precompute.experiments.scene import Scene, find_masks, n_cells
from precompute.experiments.subject import Subject, find_subject
from precompute.images.concepts import NONE
from precompute.measures.iou import Active, Labels, Overlap, detectors, largest, n_above, thresholds
from precompute.models.device import exact_float32
from precompute.models.sites import Site, find_site, list_sites
from precompute.store.layer import Layer
from precompute.words import size

QUANTILE = 0.005
N_SHUFFLES = 20
_LOT = 64
_TIMED = 32
_FEWEST = 100
_HELD_BYTES = 2**30


def prepare(job: Job) -> Prepared:
    """Make the dissection of every layer ready; see `precompute.experiments.table`."""
    quantile = job.options.quantile or QUANTILE
    with exact_float32():
        subject = find_subject(job.store, job.options)
        masks = find_masks(job.options.masks, subject.images)
        scene = Scene.of(subject, masks, _sites(job, subject))
        order = _order(scene, job.options.images_per_class, seed=job.seed)
        seconds = _time(scene, order, quantile)
    n_affordable = min(int(60 * job.options.minutes / seconds), int(_HELD_BYTES / (_held(scene) * quantile)))
    chosen = order[: max(_FEWEST, n_affordable)]
    return Prepared(
        seconds=seconds * len(chosen),
        bytes=sum(_bytes(layer, len(masks.names)) for layer in job.layers),
        steps=2 * len(chosen),
        unit="images",
        run=partial(_run, job, scene, chosen, quantile),
        reduced=_reduced(len(chosen), len(order), job.options.minutes),
        notes=(_told(scene),),
    )


# What is looked at


def _sites(job: Job, subject: Subject) -> list[Site]:
    listed = list_sites(subject.model.network, subject.probe[:2])
    sites = [find_site(listed, layer.name) for layer in job.layers]
    for layer, site in zip(job.layers, sites, strict=True):
        if layer.n_units != site.n_units:
            raise ModelError(
                f"{layer.name} has {layer.n_units} units in the store and {site.n_units} in {subject.model.spec}. "
                "Name the network that the store was made with by --model."
            )
    return sites


def _order(scene: Scene, per_class: int | None, *, seed: int) -> np.ndarray:
    """Return the positions of the annotated pictures in a random order, in which neighbours are strangers."""
    annotated = scene.masks.annotated
    used = divided(scene.masks.images.labels[annotated], per_class, seed=seed) >= 0
    if used.sum() < 2:
        raise OptionError(
            f"{scene.masks.root}: expected masks of at least 2 images, to hold masks against other images, found "
            f"{used.sum()}. Mark more images, or allow more of each class by --images-per-class."
        )
    return np.random.default_rng(seed).permutation(annotated[used])


def _told(scene: Scene) -> str:
    masks = scene.masks
    whose = "of the store" if scene.of_store else f"in {masks.images.root}, which are not the store's"
    return (
        f"{len(masks.names)} concepts of {len(masks.category_names)} categories, by the masks in {masks.root} of "
        f"{len(masks.annotated)} images {whose}"
    )


# What it costs


def _time(scene: Scene, order: np.ndarray, quantile: float) -> float:
    """Return the seconds that one picture takes, from doing all on a few."""
    few = order[:_TIMED]
    started = perf_counter()
    found = _thresholds(scene, few, quantile, lambda n: None)
    _counts(scene, few, found, lambda n: None)
    return (perf_counter() - started) / len(few)


def _held(scene: Scene) -> float:
    """Return the bytes of all activations on one picture."""
    return 4 * sum(site.n_units * n_cells(site) for site in scene.sites)


def _bytes(layer: Layer, n_concepts: int) -> float:
    return layer.n_units * (4 * (n_concepts + N_SHUFFLES + 1) + BYTES_A_UNIT)


def _reduced(n_chosen: int, n_images: int, minutes: float) -> str | None:
    if n_chosen == n_images:
        return None
    return (
        f"To stay within {minutes:g} min and {size(_HELD_BYTES)} of memory, {n_chosen} of the {n_images} annotated "
        "images are used, drawn at random; --max-minutes allows more time."
    )


# The work


@dataclass(frozen=True, eq=False)
class _Looked:
    """What was seen of one picture: its planes (plane, position), and each layer's active units and positions."""

    planes: np.ndarray
    active: list[tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class _Counts:
    """Of some pictures: images that show each concept; of each layer the overlaps, own masks first, then others'."""

    n_images: np.ndarray
    overlaps: list[list[Overlap]]

    def __add__(self, other: "_Counts") -> "_Counts":
        pairs = zip(self.overlaps, other.overlaps, strict=True)
        summed = [[one + more for one, more in zip(*pair, strict=True)] for pair in pairs]
        return _Counts(self.n_images + other.n_images, summed)


def _run(job: Job, scene: Scene, chosen: np.ndarray, quantile: float, advance: Advance) -> Findings:
    with exact_float32():
        found = _thresholds(scene, chosen, quantile, advance)
        counts = _counts(scene, chosen, found, advance)
    arrays = _concepts(scene, chosen, counts.n_images)
    measures: dict[str, Arrays] = {}
    for index, layer in enumerate(job.layers):
        iou, *shuffled = (overlap.iou(found[index]) for overlap in counts.overlaps[index])
        best = detectors(iou)
        measures[layer.name] = {"concept_iou": best.iou, "concept": best.concept}
        chance = np.stack([detectors(each).iou for each in shuffled])
        of_layer = {"threshold": found[index], "iou": iou, "chance": chance}
        if scene.of_store:
            of_layer |= drawn(scene, index, layer, iou=iou, threshold=found[index])
        arrays |= {f"layers/{layer.name}/{name}": values for name, values in of_layer.items()}
    return Findings(arrays, measures)


def _concepts(scene: Scene, chosen: np.ndarray, n_images: np.ndarray) -> Arrays:
    masks = scene.masks
    arrays = {
        "concept": np.array(masks.names),
        "category": np.array(masks.categories),
        "n_images": n_images,
        "folder": np.array([str(masks.images.root), str(masks.root)]),
    }
    if scene.of_store:
        arrays["used"] = np.isin(np.arange(len(masks.images)), chosen).astype(np.int32)
    return arrays


def _thresholds(scene: Scene, chosen: np.ndarray, quantile: float, advance: Advance) -> list[np.ndarray]:
    """Return each layer's thresholds, (unit,): exact, from the largest activations at all positions of all pictures."""
    held = [np.empty((site.n_units, 0), dtype=np.float32) for site in scene.sites]
    n_positions = [len(chosen) * n_cells(site) for site in scene.sites]
    for where, maps in scene.maps(chosen, verified=True):
        for layer, each in enumerate(maps):
            values = each.swapaxes(0, 1).reshape(each.shape[1], -1)
            held[layer] = largest(held[layer], values, n_above(n_positions[layer], quantile) + 1)
        advance(len(where))
    return [thresholds(each, n, quantile) for each, n in zip(held, n_positions, strict=True)]


def _counts(scene: Scene, chosen: np.ndarray, found: list[np.ndarray], advance: Advance) -> _Counts:
    category = scene.masks.category
    lots = (_counted(lot, category, found) for lot in _lots(_looked(scene, chosen, found, advance)))
    return reduce(add, lots)


def _looked(scene: Scene, chosen: np.ndarray, found: list[np.ndarray], advance: Advance) -> Iterator[_Looked]:
    for where, maps in scene.maps(chosen, verified=False):
        for row, position in enumerate(where):
            planes = scene.planes(int(position))
            active = [scene.active(layer, maps[layer][row], threshold) for layer, threshold in enumerate(found)]
            yield _Looked(planes.reshape(len(planes), -1), active)
        advance(len(where))


def _lots(looked: Iterable[_Looked]) -> Iterator[list[_Looked]]:
    """Gather lots, the last one up to twice as large: none is too small to hold masks against each other in it."""
    waiting: list[_Looked] = []
    for each in looked:
        waiting.append(each)
        if len(waiting) == 2 * _LOT:
            yield waiting[:_LOT]
            waiting = waiting[_LOT:]
    yield waiting


def _counted(lot: list[_Looked], category: np.ndarray, found: list[np.ndarray]) -> _Counts:
    labels = Labels.of(_stacked([each.planes for each in lot]), category)
    overlaps = [
        [
            Overlap.of(active.against(shift, len(lot)), labels, n_units=len(threshold))
            for shift in (0, *(1 + s % max(1, len(lot) - 1) for s in range(N_SHUFFLES)))
        ]
        for active, threshold in ((_gathered(lot, layer), threshold) for layer, threshold in enumerate(found))
    ]
    return _Counts(labels.n_images, overlaps)


def _stacked(planes: list[np.ndarray]) -> np.ndarray:
    """Put the planes of some pictures together, (image, plane, position), with empty ones where some have fewer."""
    most = max(len(each) for each in planes)
    return np.stack([np.pad(each, ((0, most - len(each)), (0, 0)), constant_values=NONE) for each in planes])


def _gathered(lot: list[_Looked], layer: int) -> Active:
    units, positions = zip(*(each.active[layer] for each in lot), strict=True)
    image = np.repeat(np.arange(len(lot)), [len(each) for each in units])
    return Active(image, np.concatenate(units), np.concatenate(positions))
