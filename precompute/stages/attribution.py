"""Where in the image a unit looks: Captum's attributions of its activation to the input.

What is attributed is the unit's activation at one position, where its map on that image peaks. Several units' exemplars
go through together: row i of a batch has a unit and a position of its own.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import captum.attr
import torch
from torch import Tensor, nn

from precompute.models.forward import fit
from precompute.models.hooks import SiteOutput, out_of_place
from precompute.models.sites import Site


@dataclass(frozen=True, eq=False)
class Targets:
    """What to attribute in each row of a batch: a unit at a position of its map, each (row,) int64.

    ``y`` and ``x`` are ignored in layers without space.
    """

    unit: Tensor
    y: Tensor
    x: Tensor


@dataclass(frozen=True)
class Method:
    """An attribution method.

    Parameters
    ----------
    name
        Its name in the store and on the command line.
    passes
        Forward and backward passes that one exemplar costs.
    rewrites_relu
        Whether it changes how ReLUs pass gradients back, and so is right only where every non-linearity is a ReLU
        module.
    run
        Receives the network that ends at the layer, the inputs, the choice of one activation a row, and the baseline.
    """

    name: str
    passes: int
    rewrites_relu: bool
    run: Callable[[SiteOutput, Tensor, Callable[[Tensor], Tensor], Tensor], Tensor]


INTEGRATION_STEPS = 16


def _gradient(network: SiteOutput, inputs: Tensor, choose: Callable[[Tensor], Tensor], _baseline: Tensor) -> Tensor:
    return captum.attr.NeuronGradient(network, network.out).attribute(inputs, choose)


def _deconvolution(
    network: SiteOutput, inputs: Tensor, choose: Callable[[Tensor], Tensor], _baseline: Tensor
) -> Tensor:
    return captum.attr.NeuronDeconvolution(network, network.out).attribute(inputs, choose)


def _guided(network: SiteOutput, inputs: Tensor, choose: Callable[[Tensor], Tensor], _baseline: Tensor) -> Tensor:
    return captum.attr.NeuronGuidedBackprop(network, network.out).attribute(inputs, choose)


def _integrated(network: SiteOutput, inputs: Tensor, choose: Callable[[Tensor], Tensor], baseline: Tensor) -> Tensor:
    method = captum.attr.NeuronIntegratedGradients(network, network.out)
    return method.attribute(inputs, choose, baselines=baseline.expand_as(inputs), n_steps=INTEGRATION_STEPS)


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("gradient", 1, False, _gradient),
        Method("deconvolution", 1, True, _deconvolution),
        Method("guided_backpropagation", 1, True, _guided),
        Method("integrated_gradients", INTEGRATION_STEPS, False, _integrated),
    )
}


def attribute(
    method: Method, network: nn.Module, site: Site, inputs: Tensor, targets: Targets, *, baseline: Tensor
) -> Tensor:
    """Attribute one activation a row to the input.

    Parameters
    ----------
    method
        One of `METHODS`.
    network
        A network in evaluation mode.
    site
        The layer.
    inputs
        (row, channel, height, width), preprocessed.
    targets
        The unit and the position of each row.
    baseline
        (channel, height, width): where integrated gradients start, the transformed black image.

    Returns
    -------
    Tensor
        (row, height, width) float32 on the CPU: signed, summed over input channels.
    """
    truncated = SiteOutput(network, site)
    inputs, baseline = fit(network, inputs).detach(), fit(network, baseline)
    with _captum_at_peace(network):
        maps = method.run(truncated, inputs, _chooser(targets), baseline)
    return maps.detach().float().sum(1).cpu()


def failure_of(error: BaseException) -> str:
    """Put into a sentence, for the store, that a method failed."""
    said = " ".join(str(error).split())
    return (
        f"It failed here, with {type(error).__name__}: {said}"
        if said
        else f"It failed here, with {type(error).__name__}."
    )


def peaks(maps: Tensor) -> tuple[Tensor, Tensor]:
    """Return row and column of the maximum of each map, the first among equals.

    Parameters
    ----------
    maps
        (row, height, width).
    """
    flat = maps.flatten(1).argmax(1)
    return flat // maps.shape[2], flat % maps.shape[2]


def _chooser(targets: Targets) -> Callable[[Tensor], Tensor]:
    def choose(output: Tensor) -> Tensor:
        # Integrated gradients stack their steps: the whole batch, once for every step.
        row = torch.arange(len(output), device=output.device)
        target = row.cpu() % len(targets.unit)
        unit = targets.unit[target].to(output.device)
        if output.ndim == 2:
            return output[row, unit]
        return output[row, unit, targets.y[target].to(output.device), targets.x[target].to(output.device)]

    return choose


@contextmanager
def _captum_at_peace(network: nn.Module) -> Iterator[None]:
    """Hooked ReLUs must not work in place; Captum announces its hooks by warnings, and removes them itself."""
    with out_of_place(network), torch.enable_grad(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="captum")
        yield
