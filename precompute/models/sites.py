"""Where the units of a network are: the module calls whose output has them on dimension 1.

The command line and the store call a site a layer and write it as its `Site.name`.
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from precompute.errors import LayerError
from precompute.models.calls import watched_calls
from precompute.models.forward import run


@dataclass(frozen=True)
class Site:
    """One call of one module that returns a (image, unit, height, width) or (image, unit) tensor.

    Parameters
    ----------
    path
        The module's dotted path, as in ``network.named_modules()``.
    call
        Which call of the module within a forward pass; 1 is the first.
    kind
        The module's class name.
    n_units
        Size of dimension 1.
    spatial_shape
        (height, width), empty where the output has no space.
    order
        Position among the network's sites, in the order in which their outputs are made.
    """

    path: str
    call: int
    kind: str
    n_units: int
    spatial_shape: tuple[int, ...]
    order: int

    @property
    def name(self) -> str:
        """The path, followed by ``#2`` for the second call, ``#3`` for the third ..."""
        return self.path if self.call == 1 else f"{self.path}#{self.call}"


def list_sites(network: nn.Module, inputs: torch.Tensor) -> tuple[Site, ...]:
    """Find every site of a network by one forward pass without gradients.

    Parameters
    ----------
    network
        A network in evaluation mode. The root module's own output is no site.
    inputs
        (image, channel, height, width), a real batch; two images are enough.

    Returns
    -------
    tuple of Site
        In the order in which the outputs are made, so that a container follows what it contains.

    Raises
    ------
    ModelError
        Where the network cannot take inputs of this shape.
    """
    kinds = {path: type(module).__name__ for path, module in network.named_modules() if path}
    sites: list[Site] = []

    def add(path: str, call: int, output: Any) -> None:
        if _has_units(output, n_images=len(inputs)):
            n_units, *spatial_shape = output.shape[1:]
            sites.append(Site(path, call, kinds[path], n_units, tuple(spatial_shape), order=len(sites)))

    with torch.no_grad(), watched_calls(network, kinds, add):
        run(network, inputs)
    return tuple(sites)


def find_site(sites: Iterable[Site], name: str) -> Site:
    """Return the site called `name`.

    Raises
    ------
    LayerError
        Where there is none; it names those that are spelt most alike.
    """
    by_name = {site.name: site for site in sites}
    if name not in by_name:
        close = difflib.get_close_matches(name, by_name, n=5, cutoff=0.5)
        hint = f" Close to it: {', '.join(close)}." if close else ""
        raise LayerError(
            f"The network has no layer {name!r} whose output has units.{hint} "
            "`python -m precompute layers MODEL` lists them all."
        )
    return by_name[name]


def _has_units(output: Any, *, n_images: int) -> bool:
    return (
        isinstance(output, torch.Tensor)
        and output.is_floating_point()
        and output.ndim in (2, 4)
        and len(output) == n_images
    )
