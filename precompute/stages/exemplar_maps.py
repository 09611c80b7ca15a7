"""Maps on exemplars: the units' activation maps and attribution maps."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from precompute.attribution_methods import Method
from precompute.images.picture import area_average
from precompute.models.hooks import outputs_at
from precompute.models.sites import Site
from precompute.stages.activation_at import ActivationAt
from precompute.stages.attribution import Points, Targets, attribute, peaks
from precompute.stages.exemplars import Wanted
from precompute.stages.float16 import half

Peak = tuple[np.ndarray, np.ndarray]
"""Row and column at which each unit's map is highest, at full resolution, each (pair,)."""


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
        (pair,) float32: for attribution maps the absolute value of `Attributed.missed`; None for other maps.
    """

    unit: np.ndarray
    slot: np.ndarray
    map: np.ndarray
    error: np.ndarray | None = None


def exemplar_maps(
    network: nn.Module, wanted: Mapping[Site, Wanted], inputs: Tensor, *, batch_size: int, side: int
) -> tuple[dict[Site, Maps], dict[Site, Peak]]:
    """Compute the units' maps on the given images, where an exemplar list names them.

    Parameters
    ----------
    network
        A network in evaluation mode.
    wanted
        For every layer, which unit's map to compute on which row of `inputs`.
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
        Where each map is highest.
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
MOST_STEPS = 108
"""How many steps a map of integrated gradients gets at most: those it begins with, tripled twice."""
# Maps held at full precision while some of them still need more steps. Of a slow network so many take a minute or two,
# in which the progress may stand still.
_AT_ONCE = 20


def attribution_maps(
    look: Look,
    method: Method,
    inputs: Tensor,
    wanted: Wanted,
    peak: Peak,
    advance: Callable[[int], None],
) -> Maps:
    """Attribute each wanted unit's activation, where it peaks on its image, to that image.

    A map that promises to sum up and misses by more than `TOLERANCE` gets three times as many steps, and again, up to
    `MOST_STEPS`. That is decided for each map by itself, so it does not depend on which maps go together.

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
    averages = _Averages(
        look, method, inputs, torch.from_numpy(wanted.row), Targets(torch.from_numpy(wanted.unit), y, x)
    )
    parts = [_refined(averages, pairs, advance) for pairs in torch.arange(len(wanted)).split(_AT_ONCE)]
    maps, missed = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Maps(wanted.unit, wanted.slot, maps, np.abs(missed))


@dataclass(frozen=True, eq=False)
class _Averages:
    """Maps of pairs of a unit and an image, row ``row`` of ``inputs``, from points of the path to the image."""

    look: Look
    method: Method
    inputs: Tensor
    row: Tensor
    targets: Targets

    def over(self, pairs: Tensor, n_points: int, shift: Tensor) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield maps of some pairs, one batch after the other, and what they miss of their sum."""
        # The points of one pair go through together, so a batch holds fewer pairs.
        n_pairs = max(1, self.look.rows // n_points)
        for some, moved in zip(pairs.split(n_pairs), shift.split(n_pairs), strict=True):
            found = attribute(
                self.method,
                self.look.network,
                self.inputs[self.row[some]],
                self.targets.take(some),
                baseline=self.look.baseline,
                points=Points(n_points, moved, self.look.rows),
            )
            yield area_average(found.map.numpy(), self.look.side), found.missed.numpy()


def _refined(averages: _Averages, pairs: Tensor, advance: Callable[[int], None]) -> tuple[np.ndarray, np.ndarray]:
    """Return maps of some pairs (float16), each from as many steps as it needs, and what they miss of their sum."""
    n_steps = averages.method.steps
    parts = []
    for found in averages.over(pairs, n_steps, torch.zeros(len(pairs))):
        parts.append(found)
        advance(len(found[1]) - int(_needs_more(found[1], n_steps).sum()))
    maps, missed = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    while len(rest := np.flatnonzero(_needs_more(missed, n_steps))):
        # With one more on either hand of each point, all are again the middles of equal parts: none was in vain.
        aside = 1 / (3 * n_steps)
        beside = averages.over(
            pairs[rest].repeat_interleave(2), n_steps, torch.tensor([-aside, aside]).repeat(len(rest))
        )
        n_steps *= 3
        one_by_one = (found for batch in beside for found in zip(*batch, strict=True))
        for at, before, after in zip(rest, one_by_one, one_by_one, strict=True):
            for values, less, more in zip((maps, missed), before, after, strict=True):
                values[at] = (values[at] + less + more) / 3
            advance(int(not _needs_more(missed[at], n_steps)))
    return half(maps), missed


def _needs_more(missed: np.ndarray, n_steps: int) -> np.ndarray:
    """Say which maps miss too much and may have more steps; those that promise no sum do not."""
    needs: np.ndarray = (np.abs(missed) > TOLERANCE) & (n_steps < MOST_STEPS)
    return needs


def _pick(output: Tensor, rows: np.ndarray, units: np.ndarray) -> Tensor:
    """Return maps (pair, height, width) of single units on single images; 1 x 1 in layers without space."""
    picked = output[torch.from_numpy(rows), torch.from_numpy(units)].float().cpu()
    return picked if picked.ndim == 3 else picked[:, None, None]
