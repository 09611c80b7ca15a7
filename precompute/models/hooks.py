"""Read and replace the outputs of sites while a network runs.

All hooks are removed when their block ends, also by an error. Modules that work in place cannot change what was read or
set: an observer and an edit each get a copy, made right after the site's output.
"""

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import nn

from precompute.errors import LayerError
from precompute.models.calls import watched_calls
from precompute.models.forward import Enough, run
from precompute.models.sites import Site


@contextmanager
def observe(network: nn.Module, callbacks: Mapping[Site, Callable[[torch.Tensor], object]]) -> Iterator[None]:
    """Call each callback with its site's output in every forward pass inside the block.

    Parameters
    ----------
    network
        The root that the sites belong to.
    callbacks
        A function for each site. It receives a copy of the site's output as `Site.maps` gives it: (image, unit, height,
        width) or (image, unit). Gradients flow through the copy.
    """

    def maps_of(site: Site) -> Callable[[torch.Tensor], object]:
        return lambda units_first: callbacks[site](site.maps(units_first))

    with observe_whole(network, {site: maps_of(site) for site in callbacks}):
        yield


@contextmanager
def observe_whole(network: nn.Module, callbacks: Mapping[Site, Callable[[torch.Tensor], object]]) -> Iterator[None]:
    """Call each callback with its site's whole output, including tokens apart from the picture; see `observe`.

    Parameters
    ----------
    network
        The root that the sites belong to.
    callbacks
        A function for each site. It receives a copy of the site's output as `Site.units_first` gives it: (image, unit,
        ...).
    """

    def show(path: str, call: int, output: torch.Tensor) -> None:
        if (path, call) in wanted:
            site, callback = wanted[path, call]
            rows.hold(site, output)
            callback(site.units_first(output.clone() if rows.with_gradients else output.detach().clone()))

    rows = _Rows()
    wanted = {(site.path, site.call): (site, callback) for site, callback in callbacks.items()}
    with watched_calls(network, {site.path for site in callbacks}, show, on_pass=rows.begin):
        yield


@contextmanager
def edit(network: nn.Module, site: Site, function: Callable[[torch.Tensor], torch.Tensor]) -> Iterator[None]:
    """Replace a site's output for everything downstream in every forward pass inside the block.

    Parameters
    ----------
    network
        The root that the site belongs to.
    site
        The site whose output to replace.
    function
        Receives a copy of the output as `Site.units_first` gives it, (image, unit, ...), which it may change. It
        returns the new output in the same arrangement, units on dimension 1.
    """

    def replace(_path: str, call: int, output: torch.Tensor) -> torch.Tensor | None:
        if call != site.call:
            return None
        rows.hold(site, output)
        # Two copies: an output may share its memory with tensors upstream (dropout and flatten do in evaluation mode),
        # and what the function returns may be a tensor that it keeps.
        return site.as_made(function(site.units_first(output.clone())).clone())

    rows = _Rows()
    with watched_calls(network, [site.path], replace, on_pass=rows.begin):
        yield


class _Rows:
    """Checks that outputs have one row an image: a network may split a batch and call a module once for each part."""

    def __init__(self) -> None:
        self.n_images: int | None = None
        # Whether the pass records gradients. In the network's own threads torch records them in any case.
        self.with_gradients = True

    def begin(self, inputs: Any) -> None:
        """Note how many images the network is given, and whether gradients are recorded."""
        self.with_gradients = torch.is_grad_enabled()
        if torch.compiler.is_compiling():  # the number of images is symbolic there
            return
        self.n_images = len(inputs[0]) if inputs and isinstance(inputs[0], torch.Tensor) and inputs[0].ndim else None

    def hold(self, site: Site, output: torch.Tensor) -> None:
        """Refuse an output whose number of rows is not the number of images of the pass."""
        if self.n_images is not None and len(output) != self.n_images:
            raise LayerError(
                f"The layer {site.name!r} cannot be looked at: its output has {len(output)} rows where the network is "
                f"given {self.n_images} images, so the network divides its images, or puts several together. Let its "
                "forward function take all images of a batch at once; the run divides them itself, with --batch-size."
            )


@torch.no_grad()
def outputs_at(network: nn.Module, sites: Collection[Site], inputs: torch.Tensor) -> dict[Site, torch.Tensor]:
    """Return copies of the outputs of `sites`, running the network only as far as the last of them.

    Parameters
    ----------
    network
        A network in evaluation mode.
    sites
        Which outputs to return.
    inputs
        (image, channel, height, width).

    Returns
    -------
    dict of Site to torch.Tensor
        (image, unit, height, width) or (image, unit), in the network's own precision, in the order of `sites`.

    Raises
    ------
    LayerError
        Where a forward pass on these inputs does not reach one of the sites.
    ModelError
        Where the network fails on these inputs.
    """
    return _run_up_to(network, sites, inputs)


class SiteOutput(nn.Module):
    """A network that ends at a site.

    Gradients flow from its output to its input, so that it can be given to Captum's ``Neuron*`` classes, with
    ``SiteOutput.out`` as the layer. These hook every ``nn.ReLU``, so call them inside `out_of_place`.

    Parameters
    ----------
    network
        The network, which is not changed.
    site
        Where to stop.
    """

    def __init__(self, network: nn.Module, site: Site) -> None:
        super().__init__()
        self.network = network
        self.site = site
        # A module that is called exactly once in a forward pass, whichever call of its module the site is.
        self.out = nn.Identity()
        self.train(network.training)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the site's output, (image, unit, height, width) or (image, unit)."""
        return self.out(_run_up_to(self.network, [self.site], inputs)[self.site])


@contextmanager
def out_of_place(network: nn.Module) -> Iterator[None]:
    """Make modules that can work in place (ReLU, dropout ...) return a new tensor inside the block."""
    modules: list[Any] = [module for module in network.modules() if getattr(module, "inplace", False) is True]
    try:
        for module in modules:
            module.inplace = False
        yield
    finally:
        for module in modules:
            module.inplace = True


def _run_up_to(network: nn.Module, sites: Collection[Site], inputs: torch.Tensor) -> dict[Site, torch.Tensor]:
    seen: dict[Site, torch.Tensor] = {}

    def keeper(site: Site) -> Callable[[torch.Tensor], None]:
        def keep(output: torch.Tensor) -> None:
            seen[site] = output
            if len(seen) == len(wanted) and threading.get_ident() == here:  # in another thread it would end that alone
                raise Enough

        return keep

    wanted, here = set(sites), threading.get_ident()
    with suppress(Enough), observe(network, {site: keeper(site) for site in wanted}):
        run(network, inputs)
    missed = [site.name for site in sites if site not in seen]
    if missed:
        raise LayerError(f"A forward pass on these images does not reach {', '.join(missed)}.")
    return {site: seen[site] for site in sites}
