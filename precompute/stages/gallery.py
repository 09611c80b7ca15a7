"""What is shown of the images that some exemplar list names: a thumbnail, the units' maps, attributions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from precompute.images.picture import area_average
from precompute.models.hooks import outputs_at
from precompute.models.sites import Site
from precompute.stages.attribution import Method, Targets, attribute, peaks
from precompute.stages.exemplars import Wanted
from precompute.stages.half import half


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps of some (unit, slot) pairs of a layer, (pair, height, width) float16."""

    unit: np.ndarray
    slot: np.ndarray
    map: np.ndarray


def exemplar_maps(
    network: nn.Module, wanted: Mapping[Site, Wanted], inputs: Tensor, *, batch_size: int, side: int
) -> tuple[dict[Site, Maps], dict[Site, tuple[np.ndarray, np.ndarray]]]:
    """Compute the units' maps on the images at hand, where an exemplar list wants them.

    Parameters
    ----------
    network
        A network in evaluation mode.
    wanted
        For every layer, which unit is to be shown on which row of `inputs`.
    inputs
        (image, channel, height, width), preprocessed.
    batch_size
        Images in one forward pass.
    side
        Maps with a longer side are averaged down to it.

    Returns
    -------
    maps : dict of Site to Maps
        In the order of `wanted`.
    peak : dict of Site to pair of arrays
        Row and column of each map's maximum, at full resolution, each (pair,).
    """
    found: dict[Site, list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]] = {site: [] for site in wanted}
    for rows in torch.arange(len(inputs)).split(batch_size):
        outputs = outputs_at(network, tuple(wanted), inputs[rows])
        first = int(rows[0])
        for site, pairs in wanted.items():
            here = np.flatnonzero((pairs.row >= first) & (pairs.row < first + len(rows)))
            picked = _pick(outputs[site], pairs.row[here] - first, pairs.unit[here])
            row, column = peaks(picked)
            found[site].append((here, half(area_average(picked.numpy(), side)), row.numpy(), column.numpy()))
    maps_of, peak_of = {}, {}
    for site, parts in found.items():
        here, maps, y, x = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        order = np.argsort(here)
        maps_of[site] = Maps(wanted[site].unit, wanted[site].slot, maps[order])
        peak_of[site] = (y[order], x[order])
    return maps_of, peak_of


@dataclass(frozen=True, eq=False)
class Look:
    """How to attribute: through which network, starting where, how many images at a time, maps of what size."""

    network: nn.Module
    baseline: Tensor
    batch_size: int
    side: int


def attribution_maps(
    look: Look,
    method: Method,
    site: Site,
    inputs: Tensor,
    wanted: Wanted,
    peak: tuple[np.ndarray, np.ndarray],
    advance: Callable[[int], None],
) -> Maps:
    """Attribute each wanted unit's activation, where it peaks on its image, to that image.

    Parameters
    ----------
    look
        The network and the settings.
    method, site
        How, and in which layer.
    inputs
        (image, channel, height, width), preprocessed.
    wanted
        Which unit on which row of `inputs`.
    peak
        Row and column of each map's maximum, each (pair,).
    advance
        Called with the number of pairs done since the last call.
    """
    # The steps of one exemplar go through together, so a batch holds fewer exemplars.
    at_once = max(1, look.batch_size // method.passes)
    y, x = (torch.from_numpy(np.ascontiguousarray(values)) for values in peak)
    unit, row = torch.from_numpy(wanted.unit), torch.from_numpy(wanted.row)
    if not len(wanted):
        return Maps(wanted.unit, wanted.slot, np.empty((0, 0, 0), dtype=np.float16))
    maps = []
    for pairs in torch.arange(len(wanted)).split(at_once):
        targets = Targets(unit[pairs], y[pairs], x[pairs])
        found = attribute(method, look.network, site, inputs[row[pairs]], targets, baseline=look.baseline)
        maps.append(half(area_average(found.numpy(), look.side)))
        advance(len(pairs))
    return Maps(wanted.unit, wanted.slot, np.concatenate(maps))


def _pick(output: Tensor, rows: np.ndarray, units: np.ndarray) -> Tensor:
    """Return maps (pair, height, width) of single units on single images; 1 x 1 in layers without space."""
    picked = output[torch.from_numpy(rows), torch.from_numpy(units)].float().cpu()
    return picked if picked.ndim == 3 else picked[:, None, None]
