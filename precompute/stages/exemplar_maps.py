"""Pictures of exemplars: a thumbnail, the units' maps, attribution maps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from precompute.attribution_methods import Method
from precompute.images.picture import area_average
from precompute.models.hooks import outputs_at
from precompute.models.sites import Site
from precompute.stages.activation_at import ActivationAt
from precompute.stages.attribution import Targets, attribute, peaks
from precompute.stages.exemplars import Wanted
from precompute.stages.float16 import half


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps of some (unit, slot) pairs of a layer.

    Parameters
    ----------
    unit, slot
        (pair,)
    map
        (pair, height, width) float16.
    error
        (pair,) float32, of attribution maps: `Attributed.error`; None for others.
    """

    unit: np.ndarray
    slot: np.ndarray
    map: np.ndarray
    error: np.ndarray | None = None


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
    """How to attribute the activations of a layer.

    Parameters
    ----------
    network
        Of `precompute.stages.activation_at`.
    baseline
        (channel, height, width): where integrated gradients start.
    rows
        Forward and backward passes that go together.
    side
        Maps with a longer side are averaged down to it.
    """

    network: ActivationAt
    baseline: Tensor
    rows: int
    side: int


TOLERANCE = 0.05
"""How much of the change of the activation a map of integrated gradients may miss before it gets more steps."""
MOST_STEPS = 64
"""How many steps a map of integrated gradients gets at most."""


def attribution_maps(
    look: Look,
    method: Method,
    inputs: Tensor,
    wanted: Wanted,
    peak: tuple[np.ndarray, np.ndarray],
    advance: Callable[[int], None],
) -> Maps:
    """Attribute each wanted unit's activation, where it peaks on its image, to that image.

    A map that promises to sum up and misses by more than `TOLERANCE` is computed again with as many steps as it needs,
    up to `MOST_STEPS`. That is decided for each map by itself, so it does not depend on which maps go together.

    Parameters
    ----------
    look
        The network and the settings.
    method
        How.
    inputs
        (image, channel, height, width), preprocessed.
    wanted
        Which unit on which row of `inputs`.
    peak
        Row and column of each map's maximum, each (pair,).
    advance
        Called with the number of maps finished since the last call.
    """
    if not len(wanted):
        return Maps(wanted.unit, wanted.slot, np.empty((0, 0, 0), dtype=np.float16), np.empty(0, dtype=np.float32))
    y, x = (torch.from_numpy(np.ascontiguousarray(values)) for values in peak)
    targets, row = Targets(torch.from_numpy(wanted.unit), y, x), torch.from_numpy(wanted.row)

    def run(pairs: Tensor, steps: int) -> tuple[np.ndarray, np.ndarray]:
        maps, errors = [], []
        # The steps of one pair go through together, so a batch holds fewer pairs.
        for some in pairs.split(max(1, look.rows // steps)):
            found = attribute(
                method,
                look.network,
                inputs[row[some]],
                targets.take(some),
                baseline=look.baseline,
                steps=steps,
                rows=look.rows,
            )
            maps.append(half(area_average(found.map.numpy(), look.side)))
            errors.append(found.error.numpy())
            advance(int((~_needs_more(errors[-1], steps)).sum()))
        return np.concatenate(maps), np.concatenate(errors)

    maps, error = run(torch.arange(len(wanted)), method.steps)
    steps = np.full(len(wanted), method.steps)
    while (missing := _needs_more(error, steps)).any():
        steps[missing] = more_steps(steps[missing], error[missing])
        for n_steps in np.unique(steps[missing]):
            again = np.flatnonzero(missing & (steps == n_steps))
            maps[again], error[again] = run(torch.from_numpy(again), int(n_steps))
    return Maps(wanted.unit, wanted.slot, maps, error)


def _needs_more(error: np.ndarray, steps: np.ndarray | int) -> np.ndarray:
    """Say which maps miss too much and may have more steps; those without an error do not."""
    needs: np.ndarray = (error > TOLERANCE) & (np.asarray(steps) < MOST_STEPS)
    return needs


def more_steps(steps: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Return how many steps maps that miss too much are computed with next.

    The error falls about as the steps grow, so they are doubled as often as the error has to be halved.

    Parameters
    ----------
    steps, error
        (map,) how many there were, and the error that is left, more than `TOLERANCE`.
    """
    doublings = np.ceil(np.log2(np.minimum(error / TOLERANCE, MOST_STEPS))).astype(np.int64)
    return np.minimum(steps * 2**doublings, MOST_STEPS)


def _pick(output: Tensor, rows: np.ndarray, units: np.ndarray) -> Tensor:
    """Return maps (pair, height, width) of single units on single images; 1 x 1 in layers without space."""
    picked = output[torch.from_numpy(rows), torch.from_numpy(units)].float().cpu()
    return picked if picked.ndim == 3 else picked[:, None, None]
