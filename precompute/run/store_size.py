"""The size of a store, by part, and of the side files of a run, computed from what goes into them. No file is read.

A sample of the images cannot give every size exactly, so each part has a margin. The store has about the sum of its
parts, and at most the sum of its parts with their margins.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from precompute.attribution_methods import METHODS
from precompute.measures.image_top import N_STRONGEST
from precompute.store.keep import ALL
from precompute.store.schema import EXEMPLAR_KINDS

UNITS_ON_IMAGES, SUMS, FLIPS = "units on images", "sums and statistics", "flips"
EXEMPLARS, ATTRIBUTIONS, PICTURES, NETWORK = "exemplars", "attributions", "pictures", "network"

MARGIN: Mapping[str, float] = MappingProxyType(
    {UNITS_ON_IMAGES: 1.25, SUMS: 1.5, FLIPS: 4.0, EXEMPLARS: 1.5, ATTRIBUTIONS: 1.5, PICTURES: 1.25, NETWORK: 1.1}
)
"""By what factor a part can exceed its estimate. Few images say little about how often predictions flip."""

_FLOAT, _HALF, _INDEX, _FLIP = 4, 2, 4, 8
# Bytes that HDF5 adds for each dataset with its facts, and for each chunk.
_OF_DATASET, _OF_CHUNK = 2500, 60
# Numbers of datasets: of a store, of a layer, of a layer for one kind of ablation; of a list of flips, of exemplars.
_DATASETS, _OF_LAYER, _OF_KIND, _LISTS_OF_FLIPS, _LISTS = 25, 20, 72, 3, 4
# Of these, the datasets with a chunk for each unit: by class, of exemplars, of an attribution method.
_CHUNKED_BY_CLASS, _CHUNKED_LISTS, _CHUNKED_MAPS = 8, 3, 3
# Bytes of a unit for one kind of ablation: measures and statistics.
_OF_UNIT = 350
# Compressed bytes of a unit and class: for one kind of ablation, and of class means, whatever the kinds.
_OF_UNIT_AND_CLASS, _OF_CLASS_MEANS = 16, 3.5
# Bytes of an image: its highest outputs, compressed; its label, prediction and log-probability.
_OF_HIGHEST_OUTPUTS, _OF_IMAGE = 35, 12
# What is left of a byte of the most active units of each image, and of lists, when they are compressed.
_STRONGEST_PACKED, _LIST_PACKED = 0.5, 0.6
# A flip in a side file: unit, image and prediction, of four bytes each; beside a map its unit and slot, of eight each.
_SIDE_FLIP, _BESIDE_MAP = 12, 16


@dataclass(frozen=True)
class LayerSize:
    """What decides the size of a layer in a store.

    Parameters
    ----------
    n_units
        The number of units.
    map_shape
        Height and width of the map of an exemplar.
    signed
        Whether activations go below zero.
    other_tokens
        The number of tokens apart from the picture.
    flip_rate
        Share of the images whose prediction changes without a unit, averaged over units.
    n_attributed, n_places
        The number of attribution maps that the run makes of each unit, and the number for which the store has room.
    activations_packed, changes_packed, maps_packed, attributions_packed
        What is left of a byte of each kind of number when it is compressed, 0 to about 1.
    """

    n_units: int
    map_shape: tuple[int, int]
    signed: bool = False
    other_tokens: int = 0
    flip_rate: float = 0.01
    n_attributed: int = 0
    n_places: int = 0
    activations_packed: float = 0.9
    changes_packed: float = 0.9
    maps_packed: float = 0.6
    attributions_packed: float = 0.6

    @property
    def numbers_on_image(self) -> int:
        """How many numbers a whole store keeps of the activation of a unit on an image."""
        return 2 + self.signed + self.other_tokens


@dataclass(frozen=True)
class Contents:
    """What goes into a store.

    Parameters
    ----------
    n_images, n_classes
        The number of images and of classes.
    layers
        The layers.
    n_kinds
        The number of kinds of ablation.
    top_k
        The number of exemplars in a list, if there are that many images.
    keep
        What is kept of every unit on every image; see `precompute.store.keep`.
    log_prob
        Whether there are log-probabilities.
    picture_bytes, path_bytes
        Bytes of a thumbnail, and of a path.
    network_bytes
        Bytes of the network's parameters, compressed; 0 if the store leaves them out.
    n_parameters
        The number of these parameters, each of which is a dataset.
    attribution_bytes
        Bytes of an attribution map before it is compressed.
    """

    n_images: int
    n_classes: int
    layers: tuple[LayerSize, ...]
    n_kinds: int = 1
    top_k: int = 25
    keep: str = ALL
    log_prob: bool = True
    picture_bytes: float = 5000
    path_bytes: float = 40
    network_bytes: float = 0
    n_parameters: int = 0
    attribution_bytes: float = 2 * 112 * 112

    @property
    def k(self) -> int:
        """The number of exemplars in a list: no more than there are images."""
        return min(self.top_k, self.n_images)

    @property
    def n_shown(self) -> float:
        """About how many images are in at least one exemplar list, as if the lists were drawn at random."""
        drawn = sum(layer.n_units for layer in self.layers) * len(EXEMPLAR_KINDS) * self.k
        return self.n_images * (1 - (1 - 1 / self.n_images) ** drawn)


def bytes_by_part(contents: Contents) -> dict[str, float]:
    """Return the estimated bytes of each part of a store, by the names of `MARGIN`."""
    return {
        UNITS_ON_IMAGES: sum(_on_images(contents, layer) for layer in contents.layers),
        SUMS: _sums(contents),
        FLIPS: sum(_flips(contents, layer) for layer in contents.layers),
        EXEMPLARS: sum(_exemplars(contents, layer) for layer in contents.layers),
        ATTRIBUTIONS: sum(_attributions(contents, layer) for layer in contents.layers),
        PICTURES: contents.n_shown * contents.picture_bytes,
        NETWORK: contents.network_bytes + contents.n_parameters * (_OF_DATASET + _OF_CHUNK),
    }


def at_most(parts: Mapping[str, float]) -> float:
    """Return the most bytes that a store of these parts can have: the sum of its parts with their margins."""
    return sum(n_bytes * MARGIN[name] for name, n_bytes in parts.items())


def side_file_bytes(contents: Contents) -> float:
    """Return the bytes of the side files that a run needs until its store is written; they are not compressed."""
    total = 0.0
    for layer in contents.layers:
        n_pairs = layer.n_units * contents.n_images
        of_kind = contents.n_kinds * (_HALF + _SIDE_FLIP * layer.flip_rate)
        maps = len(EXEMPLAR_KINDS) * contents.k * (_HALF * layer.map_shape[0] * layer.map_shape[1] + _BESIDE_MAP)
        attributions = layer.n_attributed * (contents.attribution_bytes + _BESIDE_MAP)
        total += n_pairs * (_FLOAT * layer.numbers_on_image + of_kind) + layer.n_units * (maps + attributions)
    return total + contents.n_shown * contents.picture_bytes


def _on_images(contents: Contents, layer: LayerSize) -> float:
    if contents.keep != ALL:
        return 0.0
    activations = _FLOAT * layer.numbers_on_image * layer.activations_packed
    changes = _HALF * contents.n_kinds * layer.changes_packed if contents.log_prob else 0.0
    n_datasets = layer.numbers_on_image - max(0, layer.other_tokens - 1) + contents.n_kinds * contents.log_prob
    return layer.n_units * (contents.n_images * (activations + changes) + _OF_CHUNK * n_datasets)


def _sums(contents: Contents) -> float:
    n_layers, kinds = len(contents.layers), contents.n_kinds
    n_units = sum(layer.n_units for layer in contents.layers)
    n_datasets = _DATASETS + n_layers * (_OF_LAYER + kinds * _OF_KIND)
    by_class = n_units * contents.n_classes * (_OF_CLASS_MEANS + kinds * _OF_UNIT_AND_CLASS)
    by_unit = n_units * kinds * _OF_UNIT + n_units * _CHUNKED_BY_CLASS * kinds * _OF_CHUNK
    strongest = sum(min(N_STRONGEST, layer.n_units) for layer in contents.layers) * (_FLOAT + _INDEX)
    by_image = contents.n_images * (
        _OF_HIGHEST_OUTPUTS + _OF_IMAGE + contents.path_bytes + strongest * _STRONGEST_PACKED
    )
    return n_datasets * _OF_DATASET + by_class + by_unit + by_image


def _flips(contents: Contents, layer: LayerSize) -> float:
    n_flips = layer.n_units * contents.n_images * layer.flip_rate
    return contents.n_kinds * (n_flips * _FLIP * _LIST_PACKED + _LISTS_OF_FLIPS * _OF_DATASET)


def _exemplars(contents: Contents, layer: LayerSize) -> float:
    n_listed = layer.n_units * len(EXEMPLAR_KINDS) * contents.k
    of_map = _HALF * layer.map_shape[0] * layer.map_shape[1] * layer.maps_packed
    chunks = layer.n_units * _CHUNKED_LISTS * len(EXEMPLAR_KINDS) * _OF_CHUNK
    of_datasets = len(EXEMPLAR_KINDS) * _LISTS * _OF_DATASET
    return n_listed * (of_map + (_FLOAT + _INDEX) * _LIST_PACKED) + chunks + of_datasets


def _attributions(contents: Contents, layer: LayerSize) -> float:
    maps = layer.n_attributed * contents.attribution_bytes * layer.attributions_packed
    return layer.n_units * (maps + bool(layer.n_places) * _CHUNKED_MAPS * len(METHODS) * _OF_CHUNK)
