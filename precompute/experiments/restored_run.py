"""The restored run: the network and images of a store, loaded again and checked against what the store says of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from precompute.ablation.ablations import Ablater
from precompute.ablation.batch_sizes import memory_budget
from precompute.ablation.factory import make_ablaters
from precompute.ablation.plain import PlainAblater
from precompute.errors import ImageFolderError, ModelError, OptionError
from precompute.experiments.network_source import NetworkSource
from precompute.experiments.options import ExperimentOptions
from precompute.images.copies import copy_conditions
from precompute.images.decoding import Decoding
from precompute.images.folder import ImageList, list_training_images
from precompute.images.loader import load_by
from precompute.images.loading import Batch, default_workers, read_batches
from precompute.images.same_file import refuse_for_both, refuse_in_two_classes
from precompute.images.walk import is_there
from precompute.measures.evenly_spread import evenly_spread
from precompute.models.device import pick_device
from precompute.models.fixed import refuse_changing
from precompute.models.forward import logits
from precompute.models.load import Model
from precompute.models.outputs import settle
from precompute.models.sites import Site, find_sites
from precompute.models.units_on import Said, UnitsOn
from precompute.store.layer import Layer
from precompute.store.reader import Store
from precompute.workers.recipe import Place

Read = tuple[np.ndarray, Tensor, np.ndarray]
"""Positions (image,), inputs (image, channel, height, width) and outputs (image, output) of some images."""

SHARD = 256
_USUAL_BATCH = 64
_PROBED = 64
# Relative to the largest output: two devices differ by no more than this on the same network.
_ROUNDING = 1e-4


@dataclass(frozen=True, eq=False)
class RestoredRun:
    """The network and images of a store, ready to run.

    Parameters
    ----------
    model
        The network, on the device of `place`, in evaluation mode.
    images
        The store's images, in the order of the store.
    prediction
        (image,): the store's top-1 outputs with nothing ablated.
    batch_size
        Number of images that go through the network together, as in the run.
    probe
        (image, channel, height, width): a few images to try things out on.
    log_prob
        What the network's outputs are, as the store says; see `precompute.models.outputs`.
    source
        Where the network came from.
    swept_plainly
        The layers that the run swept by whole passes. They are swept by whole passes again.
    place
        Where this process computes, and with how many others it shares that place.
    """

    model: Model
    images: ImageList
    prediction: np.ndarray
    batch_size: int
    probe: Tensor
    log_prob: str
    source: NetworkSource
    swept_plainly: frozenset[str]
    place: Place

    @property
    def device(self) -> torch.device:
        """Where the network runs."""
        return self.place.device

    def read(self, positions: Sequence[int] | np.ndarray, *, at_once: int = SHARD) -> Iterator[Read]:
        """Read images and run the network on them.

        Parameters
        ----------
        positions
            (image,): positions of images in the store.
        at_once
            The most images to read at a time.

        Yields
        ------
        Read
            Positions, inputs and outputs of some images.

        Raises
        ------
        ImageFolderError
            When an image cannot be read.
        ModelError
            When the network's predictions are not the store's.
        """
        for batch in self._batches(self.images, positions, at_once):
            if batch.bad:
                position, reason = batch.bad[0]
                raise ImageFolderError(
                    f"{self.images.root / self.images.paths[position]}: this image could be read when the store was "
                    f"made, but it cannot be read now ({reason}). Put the folder back as it was."
                )
            where = np.array(batch.indices)
            yield where, batch.inputs, self._verified(where, batch.inputs)

    def read_others(
        self, images: ImageList, positions: Sequence[int] | np.ndarray, *, at_once: int = SHARD
    ) -> Iterator[Read]:
        """Read images that the store does not hold, such as training images, and run the network on them.

        Parameters
        ----------
        images
            The images.
        positions
            (image,): positions of images in that list.
        at_once
            The most images to read at a time.

        Yields
        ------
        Read
            As for :meth:`read`. Files are loaded in the same way as the store's. Images that cannot be read are left
            out.
        """
        for batch in self._batches(replace(images, load=self.images.load), positions, at_once):
            if batch.indices:
                yield np.array(batch.indices), batch.inputs, self.outputs(batch.inputs)

    def site(self, layer: Layer) -> Site:
        """Return where a layer of the store is in the network; see `sites`."""
        return self.sites([layer])[0]

    def sites(self, layers: Sequence[Layer]) -> list[Site]:
        """Return where some layers of the store are in the network.

        Raises
        ------
        LayerError
            Where the network has no such layer.
        ModelError
            Where the layer has another number of units in the network than in the store.
        """
        as_stored = UnitsOn(layers={layer.name: Said(layer.unit_dimension, layer.spatial_shape) for layer in layers})
        names = [layer.name for layer in layers]
        sites = find_sites(self.model.network, self.probe[:2], names, units_on=as_stored)
        for layer, site in zip(layers, sites, strict=True):
            if site.n_units != layer.n_units:
                raise ModelError(
                    f"{layer.name} has {layer.n_units} units in the store and {site.n_units} in {self.model.spec}. "
                    "Use --model to name the network that the store was made with."
                )
        return sites

    def ablater(self, site: Site) -> Ablater:
        """Return what sweeps a layer: the plain method where the run used it, otherwise the fastest exact way."""
        return self.ablaters([site])[site]

    def ablaters(self, sites: Sequence[Site]) -> dict[Site, Ablater]:
        """Return what sweeps each of some layers, as :meth:`ablater` does; one recording serves them all."""
        inputs, memory = self.probe[:8].to(self.device), memory_budget(self.device, self.place.sharers)
        network, size = self.model.network, self.batch_size
        others = [site for site in sites if site.name not in self.swept_plainly]
        chosen = make_ablaters(network, others, inputs, batch_size=size, memory_bytes=memory)
        return {
            site: chosen[site][0] if site in chosen else PlainAblater(network, site, batch_size=size) for site in sites
        }

    def _batches(self, images: ImageList, positions: Sequence[int] | np.ndarray, at_once: int) -> Iterator[Batch]:
        shards = [positions[start : start + at_once] for start in range(0, len(positions), at_once)]
        listed = [[int(position) for position in shard] for shard in shards]
        workers = default_workers(len(positions), self.place.among)
        return read_batches(images, self.model.transform, listed, workers=workers)

    @torch.no_grad()
    def outputs(self, inputs: Tensor) -> np.ndarray:
        """Return the network's outputs for some inputs, (image, output), in float32."""
        return torch.cat([logits(self.model.network, part).cpu() for part in inputs.split(self.batch_size)]).numpy()

    def _verified(self, where: np.ndarray, inputs: Tensor) -> np.ndarray:
        found = self.outputs(inputs)
        n_other = _n_other(found, self.prediction[where])
        if n_other:
            refuse_changing(self.model.network, inputs)  # another cause, with its own message
            raise ModelError(
                f"{self.model.spec} with weights {self.model.weights} is not the network of the store: its predictions "
                f"differ from the store's for {n_other} of {len(where)} images. Use --model, --weights and "
                "--images to name the network and the images that the store was made with."
            )
        return found


def restore_run(store: Store, options: ExperimentOptions, *, spec: str | None = None) -> RestoredRun:
    """Load the network and find the images of a store, and check both against the store.

    Parameters
    ----------
    store
        The store.
    options
        They may say where network and images are now.
    spec
        What loads the network, where it has moved; None where the store's own specification still holds.

    Raises
    ------
    UnitscopeError
        Where the network or the images cannot be found, or are not those of the store.
    """
    images = find_images(store, options.images)
    device = pick_device(options.device)
    model, source = find_model(store, options, spec=spec)
    model = replace(model, network=model.network.to(device))
    images = replace(images, load=load_by(model.loader, Decoding.recorded(store.provenance.get("decoding"))))
    batch_size = int(store.provenance.get("batch_size", _USUAL_BATCH))
    prediction = np.asarray(store.baseline.prediction)
    of = store.baseline.log_prob_of
    first = _first_inputs(model, images)
    if len(first):  # otherwise `read` below says which image is missing
        settle(model.network, first, of)
    plainly = _swept_plainly(store.provenance.get("ablation_engine"))
    nothing, place = torch.empty(0), Place(device)
    restored = RestoredRun(model, images, prediction, batch_size, nothing, of, source, plainly, place)
    # Reading them refuses another network before any work begins.
    _, probe, _ = next(restored.read(evenly_spread(len(images), _PROBED)))
    return replace(restored, probe=probe)


def _swept_plainly(record: object) -> frozenset[str]:
    layers = record.items() if isinstance(record, dict) else ()
    return frozenset(name for name, said in layers if isinstance(said, dict) and said.get("method") == "plain")


def _first_inputs(model: Model, images: ImageList) -> Tensor:
    """Read two images, or one twice, to see what the network returns; an empty batch where neither can be read."""
    batch = next(read_batches(images, model.transform, [range(min(2, len(images)))], workers=0))
    return batch.inputs if len(batch.inputs) != 1 else batch.inputs.repeat(2, 1, 1, 1)


def find_images(store: Store, folder: Path | None) -> ImageList:
    """List the store's images in the folder where they are now; None means the folder of the run.

    Raises
    ------
    ImageFolderError
        Where there is no such folder, or it does not hold the images of the store.
    """
    held = store.images
    root = (Path(held.root) if folder is None else folder).expanduser().resolve()
    if not root.is_dir():
        raise ImageFolderError(f"{root}: there is no such folder. Use --images to name the folder that holds them.")
    images = ImageList(root, held.path, np.asarray(held.label), store.classes.name, digests=held.digest)
    missing = [path for path in held.path if not _is_below(path) or not is_there(root / path)]
    if missing or images.digest() != held.list_hash:
        raise ImageFolderError(
            f"{root}: this folder does not hold the images of the store: {_what_differs(missing, len(held))}. "
            "Use --images to name the folder that holds them."
        )
    return images


def _what_differs(missing: Sequence[str], n_images: int) -> str:
    if not missing:
        return "the list of its images and their classes has another hash"
    return f"{len(missing)} of its {n_images} images are missing, such as {missing[0]}"


def _is_below(path: str) -> bool:
    """Tell whether a path stays inside the folder that it begins in; a store from a stranger may hold any path."""
    return not PurePosixPath(path).is_absolute() and ".." not in PurePosixPath(path).parts


def find_training_images(store: Store, options: ExperimentOptions) -> ImageList | None:
    """List the training images in the folder that the options name; None where they name no folder.

    Raises
    ------
    ImageFolderError
        Where the folder or the images are missing, have other classes, or are partly the store's own images.
    OptionError
        Where the folder is that of the store's images.
    """
    if options.train_images is None:
        return None
    images = list_training_images(options.train_images, store.classes.name, follow_links=options.follow_links)
    held = find_images(store, options.images)
    if images.root == held.root:
        raise OptionError(
            f"--train-images {options.train_images}: these are the images of the store, not training images."
        )
    refuse_for_both(held, images)
    return images


def training_conditions(store: Store, options: ExperimentOptions, train: ImageList) -> tuple[str, ...]:
    """Say what must be known of the training images that the options name, as a run says it of its own.

    Parameters
    ----------
    store
        The store.
    options
        What was asked for.
    train
        The training images of the experiment.

    Returns
    -------
    tuple of str
        A sentence for each kind of repeated file; empty where the options name no training images.

    Raises
    ------
    ImageFolderError
        Where one file is a training image of two classes.
    """
    if options.train_images is None:
        return ()
    repeated = refuse_in_two_classes(train)
    copied = copy_conditions(find_images(store, options.images), train, of_training_alone=True)
    return (*filter(None, [repeated]), *copied)


def find_model(store: Store, options: ExperimentOptions, *, spec: str | None = None) -> tuple[Model, NetworkSource]:
    """Load the network that the store names, or that the options name instead; `spec` is as for `restore_run`.

    Where the named weights cannot be loaded any more, those in the store are used if it holds them.

    Returns
    -------
    Model, NetworkSource
        The network, and where it came from.

    Raises
    ------
    ModelError
        Where the network cannot be loaded.
    """
    spec, weights = spec or store.model.spec, store.model.weights
    if options.model is not None or options.weights is not None:
        source = NetworkSource(options.model or spec, options.weights)
        return source.load(), source
    source = NetworkSource(spec, None if _brought_along(weights) else weights)
    try:
        return source.load(), source
    except ModelError:
        state = store.state_dict()
        if not state:
            raise
    source = NetworkSource(spec, weights, state)
    return source.load(), source


def _brought_along(weights: str) -> bool:
    return weights == "built in" or weights.startswith(("timm ", "hf "))


def _n_other(found: np.ndarray, prediction: np.ndarray) -> int:
    """Count the images for which the store's prediction is below the highest output, by more than rounding."""
    if prediction.max(initial=0) >= found.shape[1]:
        return len(found)
    short = found.max(axis=1) - found[np.arange(len(found)), prediction]
    return int((short > _ROUNDING * np.abs(found).max()).sum())
