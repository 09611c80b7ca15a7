"""Changes of units, applied to a layer's output."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from precompute.ablation.ablations import Ablation
from precompute.models.sites import Site
from precompute.store.layer import Layer
from precompute.what_if.request import MEAN, OFF, SCALE, Change

Edit = Callable[[Tensor], Tensor]
"""Takes a layer's output, (image, unit, ...), and returns the changed output of the same shape, as a new tensor."""


def edit_of(change: Change, units: Sequence[int], site: Site, layer: Layer, at_image: Callable[[], Tensor]) -> Edit:
    """Return the function that applies a change to a layer's output.

    Parameters
    ----------
    change
        The change.
    units
        The units to change, each at most once.
    site, layer
        The layer in the network and in the store.
    at_image
        Returns the layer's whole output on the other image, (1, unit, ...); called only where units are set to their
        maps on another image.
    """
    chosen = tuple(units)
    if change.kind == OFF:
        return Ablation(chosen, (0.0,) * len(chosen)).apply
    if change.kind == MEAN:
        return _to_means(chosen, site, layer).apply
    index = torch.tensor(chosen, dtype=torch.int64)
    if change.kind == SCALE:
        return lambda output: _put(output, index, output.index_select(1, index.to(output.device)) * change.factor)
    other = at_image().index_select(1, index)
    return lambda output: _put(output, index, other.to(output).expand(len(output), *other.shape[1:]))


def _put(output: Tensor, index: Tensor, values: Tensor) -> Tensor:
    return output.index_copy(1, index.to(output.device), values)


def _to_means(units: tuple[int, ...], site: Site, layer: Layer) -> Ablation:
    """Return the ablation to means over the store's images: of the picture, and of each token apart from it."""
    means = np.array([layer.activation(unit).mean.mean(dtype=np.float64) for unit in units])
    others = [layer.other_tokens(unit) for unit in units]
    values = tuple(means.tolist())
    if not site.other_tokens or others[0] is None:
        return Ablation(units, values)
    apart = np.array([each.mean(axis=0, dtype=np.float64) for each in others if each is not None])
    by_position = site.laid_out(torch.from_numpy(np.column_stack([means, apart]))).float()
    return Ablation(units, values, by_position=by_position)
