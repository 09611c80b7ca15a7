"""A store with its network and images loaded, which answers what-if questions."""

from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from precompute.errors import ImageFolderError, LayerError, OptionError
from precompute.experiments.options import ExperimentOptions
from precompute.experiments.restored_run import RestoredRun, restore_run
from precompute.images.loading import apply_transform
from precompute.images.picture import InputView, area_average, thumbnail
from precompute.images.unreadable import UnreadablePicture
from precompute.models.device import exact_float32, free_memory
from precompute.models.hooks import edit, observe_whole
from precompute.models.sites import Site
from precompute.store.layer import Layer
from precompute.store.reader import open_store
from precompute.store.schema import MAX_EXEMPLAR_MAP_SIDE
from precompute.what_if.attributed import Attributor
from precompute.what_if.changes import Edit, edit_of
from precompute.what_if.code_permission import permitted_spec
from precompute.what_if.request import IMAGE, Change, Request
from precompute.what_if.uploads import suffix_of
from precompute.what_if.warm_layer import CHANGING, WarmLayer
from precompute.what_if.watch import Watch
from precompute.what_if.wire import Arrays

_MOST_BYTES = 2 * 2**30
_MOST_MAPS = 12
_PICTURE_SIDE = 224


class Session:
    """A store with its network and images, loaded once and held.

    Parameters
    ----------
    path
        The store.
    images
        The folder where its images are now; None for the folder that the store names.
    code_allowed
        Whether a network that is built by a Python file may be loaded.
    watch
        Receives the progress of loading.

    Raises
    ------
    UnitscopeError
        Where the store, its network or its images cannot be used.
    """

    def __init__(self, path: Path, *, images: Path | None, code_allowed: bool, watch: Watch) -> None:
        with watch.stage("loading the network", 1), exact_float32():
            self.store = open_store(path)
            spec = permitted_spec(self.store, allowed=code_allowed)
            self.restored: RestoredRun = restore_run(self.store, ExperimentOptions(images=images), spec=spec)
        self._sites: dict[str, Site] = {}
        self._warm: OrderedDict[str, WarmLayer] = OrderedDict()
        self._attributors: dict[str, Attributor] = {}

    def answer(self, request: Request, upload: bytes, watch: Watch) -> Arrays:
        """Answer a question.

        Returns
        -------
        dict of str to array
            About all images: ``prediction`` (image,) int32, the predicted outputs under the change; with pairs also
            ``singles`` (unit, image) and ``pairs`` (pair, image), in the order of ``itertools.combinations``. About one
            image: ``before`` and ``after`` (output,) float32, the network's outputs; ``maps`` (unit, row, column)
            float32 of the first 12 units without the change, averaged down to at most 56 cells a side; ``picture``, the
            bytes of a JPEG of the network's input; with a method also what
            `precompute.what_if.attributed.Attributor.maps` returns for these units, and with random weights what
            `precompute.what_if.attributed.Attributor.random` returns for the first.

        Raises
        ------
        UnitscopeError
            Where the question cannot be answered.
        Stopped
            Where the person who asked has stopped it.
        """
        layer = self.store.layer(request.layer)
        _refuse_absent(request, layer, len(self.restored.images))
        site = self._site(layer)
        change = self._edits(request.change, site, layer)
        if request.of_one_image:
            inputs = self._uploaded(upload) if request.upload else next(self.restored.read([request.image or 0]))[1]
            answer = self._of_one_image(request, inputs, site, change(request.units))
            return answer | self._attributed(request, inputs, site, watch)
        warm = self._warm_layer(site, watch)
        warm.warm_up(watch)
        if not request.pairs:
            with watch.stage(CHANGING, len(self.restored.images)):
                return {"prediction": warm.predictions(change(request.units), watch)}
        sets = [request.units, *((unit,) for unit in request.units), *combinations(request.units, 2)]
        with watch.stage(CHANGING, len(sets) * len(self.restored.images)):
            said = np.stack([warm.predictions(change(units), watch) for units in sets])
        n_units = len(request.units)
        return {"prediction": said[0], "singles": said[1 : 1 + n_units], "pairs": said[1 + n_units :]}

    def close(self) -> None:
        """Close the store's file."""
        self.store.close()

    def _site(self, layer: Layer) -> Site:
        if layer.name not in self._sites:
            with exact_float32():
                self._sites[layer.name] = self.restored.site(layer)
        return self._sites[layer.name]

    def _warm_layer(self, site: Site, watch: Watch) -> WarmLayer:
        """Return a layer, held or prepared now. Layers that were asked about longest ago make room for a new one."""
        if site.name not in self._warm:
            most = min(free_memory(self.restored.device) // 3, _MOST_BYTES)
            while (held := sum(warm.n_bytes for warm in self._warm.values())) > most // 2:
                self._warm.popitem(last=False)
            with watch.stage("preparing the layer", 1), exact_float32():
                self._warm[site.name] = WarmLayer(self.restored, site, most - held)
        self._warm.move_to_end(site.name)
        return self._warm[site.name]

    def _edits(self, change: Change, site: Site, layer: Layer) -> Callable[[tuple[int, ...]], Edit]:
        """Return a function that gives the edit for any units under a change."""
        seen: list[Tensor] = []

        def at_image() -> Tensor:
            if not seen:
                _, inputs, _ = next(self.restored.read([change.image]))
                seen.append(self._outputs_and_layer(site, inputs)[1])
            return seen[0]

        return lambda units: edit_of(change, units, site, layer, at_image)

    @torch.no_grad()
    @exact_float32()
    def _outputs_and_layer(self, site: Site, inputs: Tensor) -> tuple[np.ndarray, Tensor]:
        """Return the network's outputs, (image, output), and the layer's whole output for some inputs."""
        found: list[Tensor] = []
        with observe_whole(self.restored.model.network, {site: found.append}):
            outputs = self.restored.outputs(inputs)
        return outputs, found[0]

    @torch.no_grad()
    @exact_float32()
    def _of_one_image(self, request: Request, inputs: Tensor, site: Site, change: Edit) -> Arrays:
        before, at_layer = self._outputs_and_layer(site, inputs)
        with edit(self.restored.model.network, site, change):
            after = self.restored.outputs(inputs)
        maps = site.maps(at_layer).float().cpu().numpy()[0, list(request.units[:_MOST_MAPS])]
        small = area_average(maps.reshape(len(maps), *(site.spatial_shape or (1, 1))), MAX_EXEMPLAR_MAP_SIDE)
        picture = np.frombuffer(thumbnail(self._view.picture(inputs[0]), _PICTURE_SIDE), dtype=np.uint8)
        return {"before": before[0], "after": after[0], "maps": small.astype(np.float32), "picture": picture}

    def _attributed(self, request: Request, inputs: Tensor, site: Site, watch: Watch) -> Arrays:
        if request.method is None:
            return {}
        with watch.stage("attributing", 1):
            if site.name not in self._attributors:
                self._attributors[site.name] = Attributor(self.restored, site)
            attributor = self._attributors[site.name]
            found = attributor.maps(request.units[:_MOST_MAPS], request.method, inputs)
        return found | (attributor.random(request.units[0], request.method, inputs, watch) if request.random else {})

    @cached_property
    def _view(self) -> InputView:
        height, width = self.store.model.input_size[1:]
        return InputView.probe(self.restored.model.transform, (width, height))

    def _uploaded(self, upload: bytes) -> Tensor:
        """Read an uploaded picture in the way of the store's images; its temporary file is deleted."""
        with TemporaryDirectory() as folder:
            file = Path(folder) / f"picture{suffix_of(upload)}"
            file.write_bytes(upload)
            load = self.restored.images.load
            try:
                with load.bounding():
                    inputs = apply_transform(self.restored.model.transform, load(file), "The picture")
            except UnreadablePicture as error:
                raise ImageFolderError(f"The picture cannot be read ({error.found}). Choose another one.") from error
        expected = tuple(self.restored.probe.shape[1:])
        if tuple(inputs.shape) != expected:
            raise ImageFolderError(
                f"The network's transform turns the picture into {tuple(inputs.shape)}, and the store's images into "
                f"{expected}. Crop the picture to the size of the store's images."
            )
        return inputs[None]


def _refuse_absent(request: Request, layer: Layer, n_images: int) -> None:
    if request.units[-1] >= layer.n_units:
        raise LayerError(f"{layer.name} has no unit {request.units[-1]}; its units run from 0 to {layer.n_units - 1}.")
    other = request.change.image if request.change.kind == IMAGE else None
    for image in (request.image, other):
        if image is not None and not 0 <= image < n_images:
            raise OptionError(f"There is no image {image}; the store's images run from 0 to {n_images - 1}.")
