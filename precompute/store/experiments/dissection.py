"""The specification of ``dissection``: concepts that units overlap with."""

from collections.abc import Iterator
from functools import partial

import h5py

from precompute.store.checks.rules import Problem, Rule, instances
from precompute.store.entry import STRING, Axis, Entry
from precompute.store.experiments.spec import OF_ANY, OF_NETWORK, ExperimentSpec

_DISSECTION = "/experiments/dissection"
_LAYER = f"{_DISSECTION}/layers/<layer>"
_NO_THRESHOLD = "where the unit has no threshold"


def _rules(file: h5py.File) -> Iterator[Rule]:
    """Yield the rule that the concepts of shown masks are in the list of concepts."""
    concepts = f"{_DISSECTION}/concept"
    for path in instances(file, f"{_LAYER}/shown_concept"):
        if path in file:
            yield Rule((concepts, path), partial(_shown, file, path, concepts))


def _shown(file: h5py.File, path: str, concepts: str) -> Iterator[Problem]:
    named = file[path][...]
    if ((named < -1) | (named >= len(file[concepts]))).any():
        yield Problem(path, f"expected indices of the {len(file[concepts])} concepts, or -1")


ENTRIES: tuple[Entry, ...] = (
    Entry(f"{_DISSECTION}/concept", STRING, ("concept",), "name", "The concepts."),
    Entry(f"{_DISSECTION}/category", STRING, ("concept",), "name", "The category of each concept."),
    Entry(f"{_DISSECTION}/n_images", "i4", ("concept",), "images", "Images used that show each concept."),
    Entry(
        f"{_DISSECTION}/share",
        "f4",
        ("concept",),
        "share",
        "Share of all positions of the images used that show the concept.",
    ),
    Entry(
        f"{_DISSECTION}/folder",
        STRING,
        ("folder",),
        "path",
        "Absolute paths at the time: the folder of the images, then that of the masks.",
    ),
    Entry(
        f"{_DISSECTION}/used",
        "i4",
        ("image",),
        "yes/no",
        "1 for images of the store that were used; absent where the images were others.",
        required=False,
    ),
    Entry(
        f"{_LAYER}/threshold",
        "f4",
        ("unit",),
        "activation",
        "Threshold above which the unit is active: the smallest activation that at most the quantile (0.005, unless "
        "the options say another) of all positions of all images used exceeds, exactly.",
        nan="where that is not above zero, or nothing exceeds it",
    ),
    Entry(
        f"{_LAYER}/iou",
        "f4",
        ("unit", "concept"),
        "share",
        "Intersection over union of the places where the unit is active with those of the concept, over all images "
        "that have any label of its category.",
        nan=f"{_NO_THRESHOLD}, or no image shows the concept",
    ),
    Entry(
        f"{_LAYER}/chance",
        "f4",
        ("shuffle", "unit"),
        "share",
        "Largest intersection over union over all concepts when every image has the masks of another one.",
        nan=_NO_THRESHOLD,
    ),
    Entry(
        f"{_LAYER}/rotated_iou",
        "f4",
        ("rotation", "unit"),
        "share",
        "Largest intersection over union over all concepts of each direction of a random rotation of the layer's "
        "space, in the place of a unit.",
        nan="where the direction has no threshold",
    ),
    Entry(
        f"{_LAYER}/rotated_concept",
        "f4",
        ("rotation", "unit"),
        "concept",
        "The concept of that intersection over union, an index.",
        nan="where the direction has no threshold",
    ),
    Entry(
        f"{_LAYER}/shown_concept",
        "i4",
        ("unit", "rank"),
        "concept",
        "The concepts of the largest intersection over union that `shown_mask` shows; -1 where there is none.",
        required=False,
    ),
    Entry(
        f"{_LAYER}/shown_mask",
        "u1",
        ("unit", "shown exemplar", "row", "column"),
        "bits",
        "The first of the unit's top exemplars, over the network's input: bit r is set where the concept of rank r is, "
        "bit 7 where the unit is above its threshold.",
        required=False,
        max_side=56,
    ),
)

SPEC = ExperimentSpec(
    name="dissection",
    title="Network dissection",
    source="Bau, Zhou, Khosla, Oliva and Torralba 2017, arXiv:1704.05796",
    adds="for every layer: intersection over union of every unit with every concept, the unit's threshold, the best "
    "intersection over union by chance, the best for directions of five random rotations of the layer's space, and "
    "small masks of the best concepts on the exemplars. [Masks of concepts](masks.md) says how to make masks",
    on_one_device="it sends every image through the network once and sweeps none",
    needs="the network and the images, and masks of concepts",
    advice="It needs masks of concepts: those that lie beside the images, or a folder named with --masks.",
    options=(*OF_ANY, *OF_NETWORK, "masks", "quantile"),
    entries=ENTRIES,
    axes=(
        Axis("concept", "concepts that units were held against", "as in the dataset `concept`", "concept"),
        Axis("folder", "2, of the images and of the masks", "that"),
        Axis("shuffle", "shuffles of the masks among the images, 20", "none"),
        Axis("rank", "the best concepts of a unit, at most 3", "best first", "shown_concept", 1),
        Axis("rotation", "random rotations of a layer's space, 5", "of their seeds"),
        Axis("shown exemplar", "the first of the top exemplars, at most 12", "as in `exemplar/top`"),
    ),
    rules=_rules,
)
