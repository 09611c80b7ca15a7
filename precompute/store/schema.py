"""The store's format as data: every path with its type, its named axes, its unit of measurement and its meaning.

The tables of ``FORMAT.md`` are made from it, and a test holds the two equal. The writer puts these facts on every
dataset, and the check compares a file with them.
"""

from collections.abc import Iterable
from functools import lru_cache

from precompute.store.entry import ANY, STRING, Axis, Entry, Fact
from precompute.store.experiments import registry
from precompute.store.group_facts import (
    DATASET_FACTS,
    FORMAT,
    GROUP_FACTS,
    LAYER,
    LOG_OF_PROBABILITIES,
    LOGITS,
    ROOT_FACTS,
    STAMP_FACTS,
)

__all__ = [
    "ANY",
    "AXES",
    "DATASET_FACTS",
    "ENTRIES",
    "EXEMPLAR_KINDS",
    "FORMAT",
    "GROUP_FACTS",
    "LOGITS",
    "LOG_OF_PROBABILITIES",
    "MAX_ATTRIBUTION_MAP_SIDE",
    "MAX_EXEMPLAR_MAP_SIDE",
    "MAX_STATE_DICT_BYTES",
    "MAX_THUMBNAIL_BYTES",
    "MAX_THUMBNAIL_SIDE",
    "MILLION",
    "ROOT_FACTS",
    "STAMP_FACTS",
    "STRING",
    "TRAIN",
    "VERSION",
    "WHOLE",
    "Axis",
    "Entry",
    "Fact",
    "entries_with",
    "entry_for",
    "experiment_path",
    "layer_path",
    "major",
    "train_path",
]

VERSION = 1
TRAIN = "/train"

EXEMPLAR_KINDS = ("top", "bottom", "quantile")
MAX_STATE_DICT_BYTES = 64 * 1024**2
MAX_EXEMPLAR_MAP_SIDE = 56
MAX_THUMBNAIL_SIDE = 128
MILLION = 1_000_000
"""What the fact ``part`` counts as the whole height or width."""
WHOLE = (0.0, 0.0, 1.0, 1.0)
"""The part of the network's input that a map covers if there is no fact ``part``."""
MAX_THUMBNAIL_BYTES = 128 * 1024
MAX_ATTRIBUTION_MAP_SIDE = 112


_SHARED = ("", "provenance", "model", "classes")
_OF_IMAGES = ("images", "baseline", "layers")

AXES: tuple[Axis, ...] = (
    Axis("image", "N, the images that could be read", "class, then path, by code point"),
    Axis("class", "C, the class folders, or the labels of a list", "of their names, by code point"),
    Axis("unit", "U, the units of this layer", "of the channels, from 0"),
    Axis("unit+1", "U + 1", "one more than `unit`: the edges between units"),
    Axis("exemplar", "k, at most N", "of rank, the first is the first shown", "image", 1),
    Axis("top unit", "10, or U where there are fewer units", "of rank, the strongest first", "unit", 1),
    Axis("top output", "5, or all outputs where there are fewer", "of rank, the highest first", "top_output", 1),
    Axis("flip", "M, changed predictions of the layer", "unit, then image", "image"),
    Axis("byte", "bytes of a text, or of pictures", "of the text, of the images"),
    Axis("row", "height of a map", "from the top"),
    Axis("column", "width of a map", "from the left"),
    Axis("token", "t, the tokens of the layer apart from the picture", "as the network has them"),
    Axis("skipped", "images that could not be read", "of the image list", "path"),
)

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "/provenance",
        "u1",
        ("byte",),
        "UTF-8",
        "The whole JSON text of how the store came to be, where it is too long for the attribute.",
        required=False,
    ),
    Entry(
        "/model/state_dict/<parameter>",
        ANY,
        (),
        "weight",
        "A parameter or buffer of the network, as a plain tensor; networks up to 64 MB carry all of them.",
        required=False,
        nan="where the network has one",
    ),
    Entry(
        "/classes/name", STRING, ("class",), "name", "The class's folder, or its label where a list named the images."
    ),
    Entry("/classes/title", STRING, ("class",), "name", "The class's name for readers."),
    Entry("/classes/output_index", "i4", ("class",), "output", "The network output that the class is."),
    Entry("/images/path", STRING, ("image",), "path", "The image's file, relative to the root of the image folder."),
    Entry("/images/label", "i4", ("image",), "class", "The image's class, as an index into the classes."),
    Entry(
        "/images/digest",
        "u8",
        ("image",),
        "number",
        "The first eight bytes of the SHA-256 of the image's file, as a little-endian number; "
        "0 where no run has kept them.",
        required=False,
    ),
    Entry(
        "/images/thumbnail",
        "u1",
        ("byte",),
        "JPEG",
        "The network's view of the images, one JPEG after the other; images that no exemplar list names have none.",
    ),
    Entry(
        "/images/thumbnail_end",
        "i8",
        ("image",),
        "byte",
        "Where the image's JPEG ends; it begins where that of the image before it ends. No bytes: no picture.",
    ),
    Entry("/images/skipped/path", STRING, ("skipped",), "path", "Files that could not be read as images."),
    Entry("/images/skipped/reason", STRING, ("skipped",), "text", "Why each of them could not be read."),
    Entry(
        "/baseline/prediction",
        "i4",
        ("image",),
        "output",
        "The network's top-1 output for the image, nothing ablated.",
    ),
    Entry(
        "/baseline/log_prob",
        "f4",
        ("image",),
        "nat",
        "Log-probability of the image's true class, nothing ablated; absent where the network's outputs allow none.",
        required=False,
    ),
    Entry(
        "/baseline/top_output",
        "i4",
        ("image", "top output"),
        "output",
        "The network's highest outputs for the image, nothing ablated, the highest first; of equal ones the lower.",
        required=False,
    ),
    Entry(
        "/baseline/top_log_prob",
        "f4",
        ("image", "top output"),
        "nat",
        "Their log-probabilities; absent where the network's outputs allow none.",
        required=False,
    ),
    Entry(f"{LAYER}/activation/max", "f4", ("unit", "image"), "activation", "Maximum of the unit's map over space."),
    Entry(f"{LAYER}/activation/mean", "f4", ("unit", "image"), "activation", "Mean of the unit's map over space."),
    Entry(
        f"{LAYER}/activation/positive_mean",
        "f4",
        ("unit", "image"),
        "activation",
        "Mean over space of max(activation, 0); only in layers that go below zero on any image.",
        required=False,
    ),
    Entry(
        f"{LAYER}/activation/other_tokens",
        "f4",
        ("unit", "image", "token"),
        "activation",
        "Activation at each token apart from the picture (class and register tokens); only in layers that have such.",
        required=False,
    ),
    Entry(
        f"{LAYER}/image_top/unit",
        "i4",
        ("image", "top unit"),
        "unit",
        "The units that fire most on the image, by activation/max as it is; of equal ones the higher activation/mean, "
        "then the lower number. Units differ in scale, so one that is large everywhere stands on many images.",
        required=False,
    ),
    Entry(
        f"{LAYER}/image_top/value",
        "f4",
        ("image", "top unit"),
        "activation",
        "activation/max of each of them on the image.",
        required=False,
    ),
    Entry(
        f"{LAYER}/class_mean",
        "f4",
        ("unit", "class"),
        "activation",
        "Mean of activation/mean over the images of the class.",
        nan="for a class without images",
    ),
    Entry(
        f"{LAYER}/class_positive_mean",
        "f4",
        ("unit", "class"),
        "activation",
        "Mean over the images of the class of activation/positive_mean; only in layers that go below zero on any "
        "image. Absent in older stores.",
        required=False,
        nan="for a class without images",
    ),
    Entry(
        f"{LAYER}/n_active",
        "i4",
        ("unit",),
        "images",
        "Images on which activation/max is above zero. Absent in older stores.",
        required=False,
    ),
    Entry(
        f"{LAYER}/measure/<name>",
        "f4",
        ("unit",),
        "measure",
        "One number per unit.",
        nan="where the measure is not defined: a dead unit prefers no class",
    ),
    Entry(
        f"{LAYER}/ablation/<kind>/correct",
        "i4",
        ("unit", "class"),
        "images",
        "Images of the class that are still right without the unit.",
    ),
    Entry(
        f"{LAYER}/ablation/<kind>/drop",
        "f4",
        ("unit", "class"),
        "fraction",
        "Accuracy of the class minus its accuracy without the unit.",
        nan="for a class without images",
    ),
    Entry(
        f"{LAYER}/ablation/<kind>/flip/indptr",
        "i8",
        ("unit+1",),
        "flip",
        "Flips indptr[u] up to, not including, indptr[u + 1] are those of unit u.",
    ),
    Entry(f"{LAYER}/ablation/<kind>/flip/image", "i4", ("flip",), "image", "Image whose top-1 output changes."),
    Entry(
        f"{LAYER}/ablation/<kind>/flip/prediction",
        "i4",
        ("flip",),
        "output",
        "The network's top-1 output for that image without the unit.",
    ),
    Entry(
        f"{LAYER}/ablation/<kind>/log_prob_change",
        "f2",
        ("unit", "image"),
        "nat",
        "Log-probability of the true class without the unit, minus with it; clipped to what half precision holds.",
        required=False,
    ),
    Entry(f"{LAYER}/exemplar/<kind>/image", "i4", ("unit", "exemplar"), "image", "The images shown, in rank order."),
    Entry(
        f"{LAYER}/exemplar/<kind>/value",
        "f4",
        ("unit", "exemplar"),
        "activation",
        "activation/max of the unit on each of them.",
    ),
    Entry(
        f"{LAYER}/exemplar/<kind>/tied",
        "i4",
        ("unit",),
        "images",
        "Size of the group of images, equal in maximum and mean, that the choice cuts through; 0 where it cuts none.",
    ),
    Entry(
        f"{LAYER}/exemplar/<kind>/map",
        "f2",
        ("unit", "exemplar", "row", "column"),
        "activation",
        "The unit's map on each exemplar, averaged down to at most 56 a side; of size 1 x 1 in layers without space.",
        max_side=MAX_EXEMPLAR_MAP_SIDE,
    ),
    Entry(
        f"{LAYER}/attribution/<method>/map",
        "f2",
        ("unit", "exemplar", "row", "column"),
        "activation per input",
        "Attribution of the unit's activation, where its map peaks, to the input: signed, summed over input channels, "
        "averaged down to at most 112 a side; for the first top exemplars.",
        required=False,
        nan="where it was not computed",
        max_side=MAX_ATTRIBUTION_MAP_SIDE,
    ),
    Entry(
        f"{LAYER}/attribution/<method>/computed",
        "u1",
        ("unit", "exemplar"),
        "yes/no",
        "Whether the map was computed; all were where the dataset is absent.",
        required=False,
    ),
    Entry(
        f"{LAYER}/attribution/<method>/error",
        "f4",
        ("unit", "exemplar"),
        "ratio",
        "By how much the sum of the map at full size misses the change of the activation between the baseline and the "
        "image, as a share of that change. Only of methods that promise that sum.",
        required=False,
        nan="where nothing changes, or no map was computed",
    ),
)


def entry_for(path: str) -> Entry | None:
    """Return the entry that a dataset's path is an instance of; None for paths outside the format."""
    return _entry_for(path, registry.NAMES)


@lru_cache(maxsize=4096)  # the same paths are written, checked and read again and again
def _entry_for(path: str, _experiments: tuple[str, ...]) -> Entry | None:
    base = path.removeprefix(TRAIN)
    entry = next((entry for entry in (*ENTRIES, *registry.entries()) if entry.matches(base)), None)
    if base == path or entry is None:
        return entry
    return entry if entry.path.split("/")[1] in _OF_IMAGES else None


def entries_with(experiments: Iterable[str]) -> tuple[Entry, ...]:
    """Return the entries of a store that holds the named experiments; unknown experiments have none."""
    held = set(experiments)
    return (*ENTRIES, *(entry for entry in registry.entries() if entry.path.split("/")[2] in held))


def train_path(path: str) -> str:
    """Return the path for training images of what the images of the run have at a path.

    The network and its classes are shared, so their paths stay. Training images have no experiments: the path of one
    below ``/train`` does not exist.
    """
    return path if path.split("/")[1] in _SHARED else f"{TRAIN}{path}"


def layer_path(layer: str, *parts: str) -> str:
    """Build the path of something inside a layer's group."""
    return "/".join(("/layers", layer, *parts))


def experiment_path(experiment: str, *parts: str) -> str:
    """Build the path of something inside an experiment's group."""
    return "/".join(("/experiments", experiment, *parts))


def major(version: object) -> int:
    """Return the major part of a stored version, ``2`` of ``2.1``; 0 when it cannot be read as one."""
    text = str(version).split(".")[0]
    return int(text) if text.isdecimal() else 0
