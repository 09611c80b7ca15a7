"""Attributions on demand: where on one image units look, by one method."""

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from precompute.attribution_methods import METHODS
from precompute.errors import LayerError
from precompute.experiments.attribution import look_at
from precompute.experiments.restored_run import RestoredRun
from precompute.models.device import exact_float32
from precompute.models.sites import Site
from precompute.stages.activation_at import not_right
from precompute.stages.exemplar_maps import attribution_maps, exemplar_maps
from precompute.stages.exemplars import Wanted
from precompute.store.schema import MAX_EXEMPLAR_MAP_SIDE
from precompute.what_if.wire import Arrays


class Attributor:
    """Attributes units of one layer to single images, as a run does for its exemplars.

    Parameters
    ----------
    restored
        The network and the images.
    site
        The layer.
    """

    def __init__(self, restored: RestoredRun, site: Site) -> None:
        self._restored, self._site = restored, site
        self._tried: dict[str, dict[str, str]] = {}
        with exact_float32():
            self._look = look_at(restored, site)

    @exact_float32()
    def maps(self, units: Sequence[int], method: str, inputs: Tensor) -> Arrays:
        """Attribute the activation of each unit, where it peaks on an image, to that image.

        Parameters
        ----------
        units
            The units.
        method
            One of `precompute.attribution_methods`.
        inputs
            (1, channel, height, width), preprocessed.

        Returns
        -------
        dict of str to array
            ``attribution`` (unit, row, column) float32, and ``error`` (unit,): by how much each map's sum misses what
            it promises to be, as a share of it; NaN where that is not known.

        Raises
        ------
        LayerError
            Where the method cannot be right for the layer.
        """
        network = self._restored.model.network
        left_out = self._left_out(method)
        if method in left_out:
            raise LayerError(f"{METHODS[method].label} cannot be right for {self._site.name}. {left_out[method]}")
        pairs = Wanted(np.asarray(units), np.zeros(len(units), dtype=np.int64), np.zeros(len(units), dtype=np.int64))
        _, peak = exemplar_maps(
            network,
            {self._site: pairs},
            inputs,
            batch_size=self._restored.batch_size,
            side=MAX_EXEMPLAR_MAP_SIDE,
        )
        found = attribution_maps(self._look, METHODS[method], inputs, pairs, peak[self._site], lambda _n: None)
        error = np.full(len(units), np.nan) if found.error is None else found.error
        return {"attribution": found.map.astype(np.float32), "error": error}

    def _left_out(self, method: str) -> dict[str, str]:
        """Say why a method cannot be right for the layer, by its name, as `not_right` does; tried once."""
        if method not in self._tried:
            network = self._restored.model.network
            self._tried[method] = not_right(network, self._site, self._restored.probe[:2], [method])
        return self._tried[method]
