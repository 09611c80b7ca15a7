"""How much units answer to colour: their strongest images are shown again in grey; and the chroma of their weights."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from precompute.errors import ModelError
from precompute.experiments.restored_run import SHARD, RestoredRun
from precompute.images.loading import Transform, apply_transform, default_workers, read_batches, seen_size
from precompute.measures.colour import colour_selectivity, weight_chroma
from precompute.models.sites import Site
from precompute.models.upstream import first_kernel
from precompute.stages.activations import answer
from precompute.store.layer import Layer

Measures = dict[str, np.ndarray]
_RGB = 3
# Two ways to make a picture grey differ by the rounding of a level; a pure colour differs from its grey by far more.
_ROUNDED = 0.05


@dataclass(frozen=True)
class InGrey:
    """A network's preprocessing, applied to every picture in grey."""

    transform: Transform

    def __call__(self, picture: Image.Image) -> Tensor:
        """Return the network's input for the picture in grey; brightness is weighted as in ITU-R 601."""
        return self.transform(picture.convert("L").convert("RGB"))


def colour_measures(restored: RestoredRun, layers: tuple[Layer, ...]) -> dict[str, Measures]:
    """Measure how much the units of some layers answer to colour.

    Parameters
    ----------
    restored
        The network and the images.
    layers
        The layers; one pass over the top exemplars serves them all.

    Returns
    -------
    dict
        For each layer the measures by name, (unit,): `colour_selectivity`, and `weight_chroma` where the units' kernels
        read the picture itself. `colour_selectivity` is NaN where the network sees no colours: its preprocessing makes
        pictures grey, or a custom loader makes something else than pictures from the files.
    """
    sites = {layer.name: restored.site(layer) for layer in layers}
    exemplars = {layer.name: _exemplars(layer) for layer in layers}
    shown = exemplar_images(layers)
    size = seen_size(restored.images, int(shown[0]))
    if size is None or not sees_colours(restored.model.transform, size):
        return {layer.name: {"colour_selectivity": np.full(layer.n_units, np.nan)} for layer in layers}
    grey = _largest(restored, list(sites.values()), shown)
    found: dict[str, Measures] = {}
    for layer in layers:
        image, value = exemplars[layer.name]
        seen = np.take_along_axis(grey[sites[layer.name]], np.searchsorted(shown, image), axis=1)
        # Negative activations count as 0, as after a ReLU.
        measures = {"colour_selectivity": colour_selectivity(value.clip(min=0), seen.clip(min=0))}
        kernel = first_kernel(restored.model.network, sites[layer.name], restored.probe[:2])
        if kernel is not None and kernel.shape[1] == _RGB:
            measures["weight_chroma"] = weight_chroma(kernel)
        found[layer.name] = measures
    return found


def sees_colours(transform: Transform, size: tuple[int, int]) -> bool:
    """Tell whether a network's preprocessing keeps colours: whether a picture of one colour differs from its grey.

    Parameters
    ----------
    transform
        The network's preprocessing.
    size
        Width and height of a picture.
    """
    pictures = [Image.new("RGB", size, colour) for colour in ("red", "green", "blue")]
    try:
        seen = [
            [apply_transform(way, each, "a picture of one colour") for way in (transform, InGrey(transform))]
            for each in pictures
        ]
    except ModelError:
        return True  # preprocessing fails on pictures of one colour; it may work on real images
    return any(not torch.allclose(coloured, grey, atol=_ROUNDED) for coloured, grey in seen)


def exemplar_images(layers: tuple[Layer, ...]) -> np.ndarray:
    """Return the images that are a top exemplar of any unit of the layers, (image,), ascending."""
    return np.unique(np.concatenate([_exemplars(layer)[0].ravel() for layer in layers]))


def _exemplars(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Return the top exemplars of every unit, and the activations that rank them, (unit, exemplar) each."""
    each = [layer.exemplars("top", unit) for unit in range(layer.n_units)]
    return np.stack([found.image for found in each]), np.stack([found.value for found in each])


def _largest(restored: RestoredRun, sites: list[Site], shown: np.ndarray) -> dict[Site, np.ndarray]:
    """Return the largest activation of every unit on every shown image in grey, (unit, shown)."""
    with torch.no_grad():
        found = answer(restored.model.network, sites, _in_grey(restored, shown))
    return {site: responses.max for site, responses in found.responses.items()}


def _in_grey(restored: RestoredRun, shown: np.ndarray) -> Iterator[Tensor]:
    shards = [shown[start : start + SHARD].tolist() for start in range(0, len(shown), SHARD)]
    transform = InGrey(restored.model.transform)
    for batch in read_batches(restored.images, transform, shards, workers=default_workers(len(shown))):
        yield from batch.inputs.split(restored.batch_size)
