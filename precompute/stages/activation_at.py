"""Networks that return, for each row, one unit's activation at one position: the number that is attributed."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from precompute.ablation.capture import CannotCapture, capture
from precompute.ablation.graph import Program
from precompute.attribution_methods import METHODS
from precompute.models.forward import copy_for
from precompute.models.gradients import no_gradient, uneven
from precompute.models.hooks import SiteOutput
from precompute.models.sites import Site
from precompute.models.upstream import unrectifiable
from precompute.stages.windowed_network import WindowedNetwork

_ROUNDING = 1e-4


class WholeNetwork(nn.Module):
    """A network that ends at a layer and computes its whole maps.

    Parameters
    ----------
    network
        The network, which is not changed.
    site
        The layer.
    """

    def __init__(self, network: nn.Module, site: Site) -> None:
        super().__init__()
        self.up_to_layer = SiteOutput(network, site)
        self.train(network.training)

    def forward(self, images: Tensor, unit: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Return the chosen activation of each row, (row, 1); see `WindowedNetwork.forward`."""
        return self.from_linear(self.linear(images, y, x), unit, y, x)

    def linear(self, images: Tensor, _y: Tensor, _x: Tensor) -> Tensor:
        """Return the images, because it is not known how far this network is linear in them."""
        return images

    def from_linear(self, images: Tensor, unit: Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Return the chosen activation of each row, (row, 1)."""
        output = self.up_to_layer(images)
        row = torch.arange(len(output), device=output.device)
        at = (unit,) if output.ndim == 2 else (unit, y, x)
        return output[(row, *(index.to(output.device) for index in at))].unsqueeze(1)


ActivationAt = WindowedNetwork | WholeNetwork


def activation_at(network: nn.Module, site: Site, probe: Tensor, program: Program | None = None) -> ActivationAt:
    """Return the cheapest network that gives a layer's activations at single positions, and their gradients, correctly.

    Parameters
    ----------
    network
        A network in evaluation mode.
    site
        The layer.
    probe
        (image, channel, height, width): a few images.
    program
        The network as captured with the layer marked, where the caller has it. Otherwise it is captured here.
    """
    whole = WholeNetwork(network, site)
    if site.unit_dimension != 1 or site.positions != "grid":
        return whole
    try:
        program = program or capture(network, [site], probe)
    except CannotCapture:
        return whole
    if site.name not in program.marks:  # the outputs do not depend on the layer, so it is not in the record
        return whole
    windowed = WindowedNetwork(program, site.name)
    try:
        return windowed if _same(windowed, whole, site, probe) else whole
    except RuntimeError:  # an operation does not run on windows, or has no gradient
        return whole


def not_right(network: nn.Module, site: Site, probe: Tensor, asked: Sequence[str]) -> dict[str, str]:
    """Return the attribution methods that cannot be right for a layer, with the reason.

    Parameters
    ----------
    network
        A network in evaluation mode.
    site
        The layer.
    probe
        (image, channel, height, width): a few images.
    asked
        Names of methods in `precompute.attribution_methods.METHODS`.
    """
    if not asked:
        return {}
    nothing = no_gradient(network, site, probe[:2])
    if nothing is not None:
        return dict.fromkeys(asked, nothing)
    rewriting = [name for name in asked if METHODS[name].rewrites_relu]
    reason = unrectifiable(network, site, probe[:2]) if rewriting else None
    return {} if reason is None else dict.fromkeys(rewriting, reason)


def _same(windowed: WindowedNetwork, whole: WholeNetwork, site: Site, probe: Tensor) -> bool:
    """Say whether both give the same values and gradients in the corners and in the middle of the maps."""
    height, width = site.spatial_shape
    places = [(0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1), (height // 2, width // 2)]
    y, x = (torch.tensor(axis) for axis in zip(*places, strict=True))
    unit = torch.arange(len(places)) % site.n_units
    images = uneven(probe[torch.arange(len(places)) % len(probe)])
    found, expected = (_value_and_gradient(part, images, unit, y, x) for part in (windowed, whole))
    # Where the clipping is left out, the whole network has no gradient to compare with.
    compared = torch.ones(len(places), dtype=torch.bool)
    if windowed.leaves_out_clipping:
        compared = (found[0] - expected[0]).abs() <= _ROUNDING * expected[0].abs().max()
    return all(_close(one[compared], other[compared]) for one, other in zip(found, expected, strict=True))


def _value_and_gradient(part: nn.Module, images: Tensor, unit: Tensor, y: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    inputs = copy_for(part, images).detach().requires_grad_()
    with torch.enable_grad():
        value = part(inputs, unit, y, x)
        (gradient,) = torch.autograd.grad(value.sum(), inputs)
    return value.detach().flatten().cpu(), gradient.detach().cpu()


def _close(one: Tensor, other: Tensor) -> bool:
    return not len(one) or bool((one - other).abs().max() <= _ROUNDING * other.abs().max())


def rows_within(memory_bytes: int, part: nn.Module, images: Tensor) -> int:
    """Return how many rows may go forward and backward through a network together, at least 1.

    Parameters
    ----------
    memory_bytes
        About how much memory they may take, in bytes.
    part
        The network, from `activation_at`.
    images
        (image, channel, height, width): images of the size of the rows; the memory kept for the backward pass is
        measured on them.
    """
    held: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        held[_place(tensor)] = tensor.numel() * tensor.element_size()
        return tensor

    first = torch.zeros(len(images), dtype=torch.int64)
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        kept = part(copy_for(part, images).detach().requires_grad_(), first, first, first)
    weights = {_place(tensor) for tensor in (*part.parameters(), *part.buffers())}
    a_row = sum(size for at, size in held.items() if at not in weights) / len(images)
    del kept
    # Twice, because the backward pass holds gradients of these tensors too.
    return max(1, int(memory_bytes / (2 * max(a_row, 1))))


def _place(tensor: Tensor) -> int:
    """Return a key that tensors have in common if they share their memory."""
    try:
        return tensor.untyped_storage().data_ptr()
    except RuntimeError:  # a tensor without storage of its own
        return id(tensor)
