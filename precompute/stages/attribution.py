"""Attribution: Captum's maps of the parts of the image that a unit's activation depends on.

The number that is attributed is the unit's activation at one position, where its map on that image peaks. Exemplars of
several units go through the network together: row i of a batch has its own unit and position.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from precompute.attribution_methods import Method
from precompute.models.error_causes import words_of
from precompute.models.forward import copy_for
from precompute.models.hooks import out_of_place
from precompute.stages.activation_at import ActivationAt


@dataclass(frozen=True, eq=False)
class Targets:
    """What to attribute in each row of a batch: a unit at a position of its map, each (row,) int64.

    ``y`` and ``x`` are ignored in layers without spatial dimensions.
    """

    unit: Tensor
    y: Tensor
    x: Tensor

    def __len__(self) -> int:
        return len(self.unit)

    def take(self, rows: Tensor) -> "Targets":
        """Return the targets of some rows."""
        return Targets(self.unit[rows], self.y[rows], self.x[rows])


@dataclass(frozen=True, eq=False)
class Attributed:
    """Maps of a batch.

    Parameters
    ----------
    map
        (row, height, width) float32 on the CPU: signed, summed over input channels.
    missed
        (row,) float32: the map's sum minus the change of the activation from the baseline to the image, relative to the
        size of that change; below 0 where the sum is too small. NaN where the activation does not change, and for
        methods whose maps need not add up to it.
    """

    map: Tensor
    missed: Tensor


@dataclass(frozen=True, eq=False)
class Points:
    """The points on the straight path from the baseline to the image at which a method takes gradients.

    Parameters
    ----------
    n
        The number of points: the middles of as many equal parts of the path.
    shift
        (row,): by which fraction of the path each row's points are moved towards the image; 0 by default.
    together
        How many points may go through the network at once, at least one for each row of the batch; all by default.
    """

    n: int
    shift: Tensor | None = None
    together: int | None = None


def attribute(
    method: Method,
    network: ActivationAt,
    inputs: Tensor,
    targets: Targets,
    *,
    baseline: Tensor,
    points: Points | None = None,
) -> Attributed:
    """Attribute one activation of each row to the input.

    Parameters
    ----------
    method
        One of `precompute.attribution_methods`.
    network
        A network from `precompute.stages.activation_at`, which returns the chosen activation of each row.
    inputs
        (row, channel, height, width), preprocessed.
    targets
        The unit and the position of each row.
    baseline
        (channel, height, width): where integrated gradients start, the transformed black image.
    points
        Points on the path from the baseline; by default as many as the method begins with.
    """
    inputs = copy_for(network, inputs).detach()
    with _captum_at_peace(network):
        if method.sums_up:
            points = points or Points(method.steps)
            maps, change = _along_the_path(method, network, inputs, targets, baseline, points)
        else:
            captum_method = _class_of(method)(network)
            told = {"target": 0, "additional_forward_args": _chosen(targets), **method.arguments}
            maps, change = captum_method.attribute(inputs, **told), torch.full((len(targets),), torch.nan)
    maps, change = maps.detach().float().cpu(), change.detach().float().cpu()
    missed = torch.where(change == 0, torch.nan, (maps.flatten(1).sum(1) - change) / change.abs())
    return Attributed(maps.sum(1), missed)


def _along_the_path(
    method: Method,
    network: ActivationAt,
    inputs: Tensor,
    targets: Targets,
    baseline: Tensor,
    points: Points,
) -> tuple[Tensor, Tensor]:
    """Return maps of a method that averages gradients on the straight path to the image, and the activation's change.

    Where the network begins with linear operations, their values along the path are straight lines between those at its
    ends, and their gradient is the same at every point. So Captum runs the network after these operations alone, and
    the gradient that it averages is carried back through them once.
    """
    start = copy_for(network, baseline).expand_as(inputs)
    leaf = inputs.clone().requires_grad_()
    value = network.linear(leaf, targets.y, targets.x)
    with torch.no_grad():
        value_at_start = network.linear(start, targets.y, targets.x)
        ends = [network.from_linear(at, *_chosen(targets)).flatten() for at in (value.detach(), value_at_start)]
    captum_method = _class_of(method)(network.from_linear, multiply_by_inputs=False)
    aside = _aside(value.detach() - value_at_start, points.shift)
    averaged = captum_method.attribute(
        value.detach() + aside,
        baselines=value_at_start + aside,
        target=0,
        additional_forward_args=_chosen(targets),
        method="riemann_middle",
        n_steps=points.n,
        internal_batch_size=points.together,
        **method.arguments,
    )
    (gradient,) = torch.autograd.grad(value, leaf, averaged.to(value.dtype))
    return gradient * (inputs - start), ends[0] - ends[1]


def _aside(path: Tensor, shift: Tensor | None) -> Tensor | float:
    """Return the offset that shifts the points of each row's path."""
    if shift is None:
        return 0.0
    return path * shift.to(path).reshape(-1, *[1] * (path.dim() - 1))


def failure_of(error: BaseException) -> str:
    """Return a sentence, for the store, that says that a method failed and how."""
    said = words_of(error)
    return f"It failed here, with {type(error).__name__}{'' if said == type(error).__name__ else f': {said}'}."


def peaks(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Return row and column of the maximum of each map, the first among equals.

    Parameters
    ----------
    maps
        (row, height, width).
    """
    flat = maps.flatten(1).argmax(1)
    return flat // maps.shape[2], flat % maps.shape[2]


def _chosen(targets: Targets) -> tuple[Tensor, Tensor, Tensor]:
    return targets.unit, targets.y, targets.x


def _class_of(method: Method) -> Any:
    """Return Captum's class of a method."""
    import captum.attr  # here, for it brings a library for drawing, and a run may be asked for no maps

    return getattr(captum.attr, method.captum)


@contextmanager
def _captum_at_peace(network: nn.Module) -> Iterator[None]:
    """Make ReLUs work out of place, as Captum's hooks need, and silence Captum's warnings about these hooks."""
    with out_of_place(network), torch.enable_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="captum")
        yield
