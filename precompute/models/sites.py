"""Sites: the module calls whose output has units on one known dimension.

The command line and the store call a site a layer, and write it as `Site.name`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import Any

import torch
from torch import nn

from precompute.errors import LayerError
from precompute.models.dimension_tracking import track_dimensions
from precompute.models.forward import copy_for
from precompute.models.rows import misplaced
from precompute.models.unit_dimension import NoUnits, Part, UnitPlace, check_shape, contradiction, unit_place
from precompute.models.units_on import NOBODY_SAYS, UnitsOn
from precompute.words import close_matches

# How alike two names of layers must be for one to be a hint at the other.
_CLOSE = 0.5
_RENAME = "Give the module another name, or let an nn.Identity of another name take its output: it is a layer."


@dataclass(frozen=True)
class Site:
    """One call of one module that returns a tensor whose units lie on one known dimension.

    The tensor is (image, unit), a grid (image, unit, height, width) or (image, height, width, unit), or tokens (image,
    token, unit). Only this class deals with the difference: other code goes through `units_first`, `as_made` and
    `maps`.

    Parameters
    ----------
    path
        The module's dotted path, as in ``network.named_modules()``.
    call
        The number of the call of the module within a forward pass; 1 is the first.
    kind
        The module's class name.
    n_units
        Number of units.
    spatial_shape
        (height, width) of a unit's map; empty where the output has no spatial dimensions.
    order
        Ascending in the order in which the outputs are made. A number is missing where an output was refused later.
    unit_dimension
        The dimension of the tensor that holds the units: 1, or -1 for the last.
    other_tokens
        Indices of the tokens that are not part of the picture (class and register tokens), ascending. All other tokens
        are the cells of the map, row by row. None where the output has no tokens.
    told
        Whether the dimension of the units is known from the user alone, because the network does not show it.
    part
        Where its map begins and ends, as fractions of the picture: top, left, bottom, right. None where it covers the
        whole picture, but for half a cell, or where that is not known.
    """

    path: str
    call: int
    kind: str
    n_units: int
    spatial_shape: tuple[int, ...]
    order: int
    unit_dimension: int = 1
    other_tokens: tuple[int, ...] | None = None
    told: bool = False
    part: Part | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        """The path, followed by ``#2`` for the second call, ``#3`` for the third ..."""
        return call_name(self.path, self.call)

    @property
    def positions(self) -> str:
        """How a unit's positions are arranged: ``grid``, ``tokens``, or ``none`` where there is one number."""
        if self.other_tokens is not None:
            return "tokens"
        return "grid" if self.spatial_shape else "none"

    @property
    def n_positions(self) -> int:
        """The number of positions of a unit on an image, including tokens apart from the picture."""
        return prod(self.spatial_shape) + len(self.other_tokens or ())

    @property
    def picture_tokens(self) -> tuple[int, ...]:
        """Indices of the tokens that are cells of the map, row by row; none where the output has no tokens."""
        if self.other_tokens is None:
            return ()
        return tuple(token for token in range(self.n_positions) if token not in self.other_tokens)

    def units_first(self, output: torch.Tensor) -> torch.Tensor:
        """Return a view of the output with its units on dimension 1 and every position after them.

        Returns
        -------
        torch.Tensor
            (image, unit), (image, unit, height, width) or (image, unit, token).
        """
        return output if self.unit_dimension == 1 else output.movedim(self.unit_dimension, 1)

    def as_made(self, units_first: torch.Tensor) -> torch.Tensor:
        """Return a view with the units on the dimension where the network has them: the inverse of `units_first`."""
        return units_first if self.unit_dimension == 1 else units_first.movedim(1, self.unit_dimension)

    def maps(self, units_first: torch.Tensor) -> torch.Tensor:
        """Return the part that is of the picture: (image, unit, height, width), or (image, unit) without maps."""
        if self.other_tokens:
            units_first = units_first[:, :, list(self.picture_tokens)]
        if self.other_tokens is None and self.spatial_shape:
            return units_first
        return units_first.reshape(*units_first.shape[:2], *self.spatial_shape)

    def others(self, units_first: torch.Tensor) -> torch.Tensor | None:
        """Return the tokens apart from the picture, (image, unit, token); None where there are none."""
        return units_first[:, :, list(self.other_tokens)] if self.other_tokens else None

    def laid_out(self, values: torch.Tensor) -> torch.Tensor:
        """Give every position its value: one value for all cells of the picture, and one for each other token.

        Parameters
        ----------
        values
            (unit, 1 + token): the value of the picture, then that of each token apart from it.

        Returns
        -------
        torch.Tensor
            (unit, position).
        """
        laid = values[:, :1].repeat(1, self.n_positions)
        laid[:, list(self.other_tokens or ())] = values[:, 1:]
        return laid


@dataclass(frozen=True)
class RefusedCall:
    """A call of a module that is not a site.

    Parameters
    ----------
    name
        The name, in the form of `Site.name`.
    kind
        The module's class name.
    reason
        A clause that can follow "because".
    way
        A sentence that says what a user can do about it, with ``{name}`` in place of the name; empty where nothing
        helps.
    """

    name: str
    kind: str
    reason: str
    way: str = ""


@dataclass(frozen=True)
class SiteSurvey:
    """All calls of a network's modules: the sites, in the order of their outputs, and the calls that are none."""

    sites: tuple[Site, ...]
    refused: tuple[RefusedCall, ...]


def survey_sites(network: nn.Module, inputs: torch.Tensor, *, units_on: UnitsOn = NOBODY_SAYS) -> SiteSurvey:
    """Find every site of a network by one forward pass without gradients, in which all dimensions are followed.

    A few more passes test whether the rows of each output are the images.

    Parameters
    ----------
    network
        A network in evaluation mode. The root module's own output is not a site.
    inputs
        (image, channel, height, width), a real batch; two images are enough.
    units_on
        What the user says about where units lie. It counts where the network does not show it.

    Returns
    -------
    SiteSurvey
        Sites are in the order in which the outputs are made, so that a container follows what it contains.

    Raises
    ------
    LayerError
        Where `units_on` names a module that the network does not have.
    ModelError
        Where the network fails on these inputs.
    """
    _refuse_unknown(network, units_on)
    batch = copy_for(network, inputs)
    sites: list[Site] = []
    refused: list[RefusedCall] = []

    def look(path: str, call: int, module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        name, kind = call_name(path, call), type(module).__name__
        try:
            place = _place(name, output, batch, units_on)
            contradiction(module, given, output, place.unit_dimension)
        except NoUnits as error:
            refused.append(RefusedCall(name, kind, str(error), error.way))
        else:
            n_units, where = output.shape[place.unit_dimension], len(sites)
            sites.append(Site(path, call, kind, n_units, place.spatial_shape, where, *place.as_said))

    track_dimensions(network, inputs, look)
    moved = misplaced(network, inputs, [(site.path, site.call) for site in sites])
    reason = "the rows of its output are not the images in their order, each by itself"
    refused += [RefusedCall(site.name, site.kind, reason) for site in sites if (site.path, site.call) in moved]
    return SiteSurvey(tuple(site for site in sites if (site.path, site.call) not in moved), tuple(refused))


def _refuse_unknown(network: nn.Module, units_on: UnitsOn) -> None:
    """Refuse ``--units-on`` for a module that the network does not have."""
    modules = dict(network.named_modules(remove_duplicate=False))
    for name in units_on.layers:
        if name.partition("#")[0] not in modules:
            hint = close_matches(name, modules, cutoff=_CLOSE)
            raise LayerError(f"--units-on {name}=...: the network has no layer {name!r}.{hint}")


def list_sites(network: nn.Module, inputs: torch.Tensor, *, units_on: UnitsOn = NOBODY_SAYS) -> tuple[Site, ...]:
    """Return the sites of a network in the order in which their outputs are made; see `survey_sites`."""
    return survey_sites(network, inputs, units_on=units_on).sites


def call_name(path: str, call: int) -> str:
    """Return the name of a call of a module: the path, followed by ``#2`` for the second ..."""
    return path if call == 1 else f"{path}#{call}"


def find_site(sites: Iterable[Site], name: str, *, refused: Iterable[RefusedCall] = ()) -> Site:
    """Return the site called `name`.

    Raises
    ------
    LayerError
        Where there is none. The message gives the reason where the layer was refused, and otherwise the names that are
        spelt most alike.
    """
    by_name = {site.name: site for site in sites}
    why = next((each for each in refused if each.name == name), None)
    if why is not None:
        way = f" {why.way.format(name=name)}" if why.way else ""
        raise LayerError(f"The layer {name!r} cannot be looked at, because {why.reason}.{way}")
    if name not in by_name:
        hint = close_matches(name, by_name, cutoff=_CLOSE)
        raise LayerError(
            f"The network has no layer {name!r} whose output has units.{hint} "
            "`python -m precompute layers MODEL` lists them all."
        )
    return by_name[name]


def find_sites(network: nn.Module, inputs: torch.Tensor, names: Sequence[str], *, units_on: UnitsOn) -> list[Site]:
    """Return the sites with the given names, in the order of the names; see `survey_sites` and `find_site`."""
    found = survey_sites(network, inputs, units_on=units_on)
    seen = {site.name for site in found.sites} | {each.name for each in found.refused}
    for name in names:
        _refuse_uncalled(network, name, seen)
    return [find_site(found.sites, name, refused=found.refused) for name in names]


def _refuse_uncalled(network: nn.Module, name: str, seen: Collection[str]) -> None:
    """Refuse a module that the network has but that a forward pass does not call by this name."""
    modules = dict(network.named_modules(remove_duplicate=False))
    if name in seen or name not in modules or not name:
        return
    first = next(path for path, module in modules.items() if module is modules[name])
    if first in seen:
        raise LayerError(f"{name} is the same module as {first}: its calls are called {first}, {first}#2 and so on.")
    raise LayerError(
        f"The network has a module {name}, but a forward pass on the first images does not call it: it may be unused, "
        "or needed by other images alone, its forward() may be called in place of the module, or an earlier answer may "
        "be used again. Only what every image calls can be looked at."
    )


def hooked(network: nn.Module, sites: Iterable[Site]) -> Iterator[str]:
    """Yield a sentence for each layer on which the network itself has hooks."""
    for site in sites:
        if network.get_submodule(site.path)._forward_hooks:
            yield (
                f"The network has hooks of its own on {site.name}. Its units are read and silenced before these hooks "
                "run, so the hooks receive the output with units silenced."
            )


def units_on_conditions(sites: Iterable[Site]) -> Iterator[str]:
    """Yield a sentence for each layer whose unit dimension is known from the user alone."""
    for site in sites:
        if site.told:
            where = "on dimension 1" if site.unit_dimension == 1 else "on the last dimension"
            maps = " Its maps are taken to cover the picture, row by row." if site.spatial_shape else ""
            yield f"The units of {site.name} lie {where} by --units-on; the network does not show it.{maps}"


def _place(name: str, output: Any, inputs: torch.Tensor, units_on: UnitsOn) -> UnitPlace:
    """Find the units of an output: from what its dimensions hold, or else from what the user says."""
    if "/" in name or "\0" in name:
        raise NoUnits("its name has a slash or a NUL, and a store has no place for such a name", way=_RENAME)
    check_shape(output, inputs)
    said = units_on.of(name)
    try:
        place = unit_place(output)
    except NoUnits:
        if said is None:
            raise
        return replace(unit_place(output, said=said), told=output.ndim > 2)
    if said is not None and name in units_on.layers and place.unit_dimension != said.dimension and output.ndim > 2:
        raise NoUnits(f"its units lie on dimension {place.unit_dimension}, not on {said.dimension} as --units-on says")
    return place
