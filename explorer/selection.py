"""The selection: what is looked at, and its URL. The URL is the only source of truth.

A URL is never trusted: anything it asks for that does not exist is replaced by a default, and a sentence says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

from explorer.measure_choices import axes_of, column_sets
from explorer.tour import STEPS
from precompute.store.experiments import registry
from precompute.store.reader import Layer, Store

_LONGEST_NUMBER = 7
_LONGEST_QUOTE = 60

PLOTS = ("measures", "answer", "break")
"""The plots of the layer page."""


@dataclass(frozen=True)
class Selection:
    """One view of the app.

    Parameters
    ----------
    store : str
        Name of the store.
    layer : str or None
        Name of the layer; None in a store without layers.
    unit : int or None
        The unit, where one was asked for.
    label : str or None
        Folder name of the class that is looked at, if any.
    image : str or None
        Path of the image that is looked at, if any.
    show : str
        The list of exemplars: ``top``, ``quantile`` or ``bottom``.
    method : str or None
        The attribution method; None for the first one.
    ablation : str
        The kind of ablation.
    x, y, sort : str or None
        Measures of the layer page: the axes of its scatter plot, and the order of its grid.
    columns : str or None
        The set of columns of its table.
    page : int
        Page of the grid, from 1.
    experiment : str or None
        The experiment of the Experiments page.
    choice : str or None
        The chosen way of showing it; each experiment has its own choices.
    span : str
        The layers of the class page: ``layer`` for the one that is looked at, or ``all``.
    concept : str or None
        The number, from 1, of the unit's best concept that is drawn on its exemplars.
    beside : str or None
        Names of the stores that are compared with this one, with a slash between them; None for the newest.
    find : str or None
        The conditions by which units of the layer are found, in the form of `explorer.unit_conditions`.
    plot : str
        The plot of the layer page: ``measures``, or a map of units by what they ``answer`` to or what they ``break``.
    units, change, on : str or None
        For a what-if: the units as a list; the change in the form of `precompute.what_if.request`; the number of the
        image, or ``mine`` for a picture of the reader. None for no units, ``off``, and all images.
    pairs : str or None
        ``yes`` where every pair of the units is changed too.
    by : str or None
        The method that attributes units to one image on demand; None for none.
    part : str or None
        The part that is shown, on a page that shows one of several parts.
    other : int or None
        The unit that this one is compared with.
    check : str or None
        ``yes`` where a map is compared with maps of networks with random weights.
    against : str or None
        The store and the layer with whose units this layer's units are matched, separated by a slash; None for the
        default.
    tour : str or None
        The step of the guided tour, from 1; None where it is not taken.
    """

    store: str
    layer: str | None = None
    unit: int | None = None
    label: str | None = None
    image: str | None = None
    show: str = "top"
    method: str | None = None
    ablation: str = "zero"
    x: str | None = None
    y: str | None = None
    sort: str | None = None
    columns: str | None = None
    page: int = 1
    experiment: str | None = None
    choice: str | None = None
    span: str = "layer"
    concept: str | None = None
    beside: str | None = None
    find: str | None = None
    plot: str = "measures"
    units: str | None = None
    change: str | None = None
    on: str | None = None
    pairs: str | None = None
    by: str | None = None
    part: str | None = None
    other: int | None = None
    check: str | None = None
    against: str | None = None
    tour: str | None = None

    def to(self, **changes: Any) -> Self:
        """Return this selection with some parts changed."""
        return replace(self, **changes)

    def query(self) -> dict[str, str]:
        """Return the URL's parameters: the store, and everything that differs from the defaults."""
        default = type(self)(self.store)
        parts = {part.name: getattr(self, part.name) for part in fields(self)}
        changed = {name: value for name, value in parts.items() if value != getattr(default, name)}
        return {"store": self.store, **{_PARAMETER.get(name, name): str(value) for name, value in changed.items()}}


_PARAMETER = {"label": "class", "method": "map"}
"""Fields whose parameter in the URL has another name."""


def choose_store(query: Mapping[str, str], names: Sequence[str]) -> tuple[str, list[str]]:
    """Return the store that a URL asks for, or the first, and the problems found."""
    reading = _Reading(query)
    return reading.one_of("store", names, "store") or names[0], reading.problems


def parse(query: Mapping[str, str], name: str, store: Store) -> tuple[Selection, list[str]]:
    """Read a URL's parameters.

    Parameters
    ----------
    query : mapping
        The parameters.
    name : str
        Name of the store that they are about.
    store : Store
        That store.

    Returns
    -------
    selection : Selection
        What can be shown.
    problems : list of str
        A sentence for everything that was asked for and is not there.
    """
    reading = _Reading(query)
    label = reading.one_of("class", store.classes.name, "class")
    known = dict.fromkeys([*registry.NAMES, *store.experiments])
    experiment = reading.one_of("experiment", list(known), "experiment")
    image = reading.one_of("image", store.images.path, "image")
    found = Selection(
        name,
        label=label,
        image=image,
        tour=reading.one_of("tour", [str(number + 1) for number in range(len(STEPS))], "step of the tour"),
        span=reading.one_of("span", ["layer", "all"], "choice of layers") or "layer",
        experiment=experiment,
        choice=query.get("choice"),
        beside=query.get("beside"),
    )
    found = found.to(
        **{part: query.get(part) for part in ("units", "change", "on", "pairs", "by", "part", "check", "against")}
    )
    asked = reading.one_of("layer", [layer.name for layer in store.layers], "layer", default=_first(store))
    if asked is None:
        return found, reading.problems
    return _in_layer(found, reading, store.layer(asked)), reading.problems


def _first(store: Store) -> str | None:
    return store.layers[-1].name if store.layers else None


def _in_layer(found: Selection, reading: "_Reading", layer: Layer) -> Selection:
    methods = [facts.method for facts in layer.attributions]
    axes = axes_of(layer)
    return found.to(
        layer=layer.name,
        unit=reading.number("unit", layer.n_units, f"unit of {layer.name}"),
        other=reading.number("other", layer.n_units, f"unit of {layer.name}"),
        show=reading.one_of("show", layer.exemplar_kinds, "list of exemplars") or "top",
        method=reading.one_of("map", methods, "attribution method"),
        ablation=reading.one_of("ablation", layer.ablations, "kind of ablation") or (*layer.ablations, "zero")[0],
        x=reading.one_of("x", axes, "measure"),
        y=reading.one_of("y", axes, "measure"),
        sort=reading.one_of("sort", [*axes, "unit"], "measure"),
        columns=reading.one_of("columns", list(column_sets(layer)), "set of columns"),
        find=reading.query.get("find"),
        plot=reading.one_of("plot", PLOTS, "plot") or "measures",
        page=max(1, reading.number("page", 10**6, "page") or 1),
        concept=reading.one_of("concept", ["1", "2", "3"], "concept"),
    )


FINGERPRINT = "fingerprint"
"""The parameter of a link that names the run whose store it was made for."""


def misfit(query: Mapping[str, str], store: Store) -> list[str]:
    """Say that a link was made for another store than the present one of this name; empty where it fits."""
    asked = query.get(FINGERPRINT)
    if asked is None or asked == store.fingerprint:
        return []
    return [
        f"This link was made for another store of this name (fingerprint “{_quoted(asked)}”; this one has "
        f"“{store.fingerprint}”), so what it leads to may be something else here."
    ]


@dataclass
class _Reading:
    query: Mapping[str, str]
    problems: list[str] = field(default_factory=list)

    def one_of(self, key: str, known: Sequence[str], what: str, *, default: str | None = None) -> str | None:
        asked = self.query.get(key)
        if asked is None or asked in known:
            return default if asked is None else asked
        instead = default or (known[0] if key == "store" else None)
        shown = f"{instead} is shown instead" if instead else "it is ignored"
        self.problems.append(f"The address asks for the {what} “{_quoted(asked)}”, which is not there; {shown}.")
        return default

    def number(self, key: str, stop: int, what: str) -> int | None:
        asked = self.query.get(key)
        if asked is None:
            return None
        if asked.isascii() and asked.isdigit() and len(asked) <= _LONGEST_NUMBER and int(asked) < stop:
            return int(asked)
        self.problems.append(
            f"The address asks for the {what} “{_quoted(asked)}”, which is not there "
            f"(they run from 0 to {stop - 1}); 0 is shown instead."
        )
        return 0


def _quoted(text: str) -> str:
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}…"
