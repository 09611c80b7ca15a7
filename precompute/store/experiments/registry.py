"""The registry of experiments. To add one, put its name here and a module of that name in each of three packages.

- ``precompute/store/experiments``: its ``SPEC``;
- ``precompute/experiments``: its work, a function ``prepare``;
- ``explorer/experiments``: its ``PRESENTATION``.
"""

from functools import cache
from importlib import import_module

from precompute.errors import OptionError
from precompute.store.entry import Axis, Entry, Fact
from precompute.store.experiments.spec import ExperimentSpec

NAMES: tuple[str, ...] = (
    "statistics",
    "selectivity",
    "responses",
    "cumulative",
    "compression",
    "rotation",
    "dissection",
    "entropy",
    "roles",
    "random_weights",
    "correlations",  # last, because it uses the measures that the others add
)
"""Their names, in the order in which they are listed, and carried out by ``experiment all``."""

ATTRIBUTION = "attribution"
"""The experiment that adds to the layers of a store and has no group there, so it is not in `NAMES`."""

FACTS: dict[str, Fact] = {
    "title": Fact("text", "The experiment's name for readers."),
    "source": Fact("text", "Where the method comes from."),
    "created": Fact("text", "When the experiment was added, ISO 8601 with the offset from UTC."),
    "command": Fact("text", "The command that made it."),
    "options": Fact("text", "What it was asked to do, a JSON object of option and value."),
    "seed": Fact("integer", "What all its random choices come from."),
    "versions": Fact("text", "Versions of the program and its libraries, a JSON object."),
    "reduced": Fact("text", "What was cut down to stay within the time allowed; absent where nothing was.", False),
    "conditions": Fact(
        "text",
        "What the results rest on beside what the store says of itself, a sentence a line; absent where nothing.",
        False,
    ),
}
"""Facts of every experiment's group."""

LAYER_FACTS: dict[str, Fact] = {
    name: Fact(FACTS[name].kind, f"{FACTS[name].doc[:-1]}, of this layer alone.", required=False)
    for name in ("created", "command", "versions")
}
"""Facts of a layer's group in an experiment, where the layer was made by an earlier command than the last."""


def specs() -> tuple[ExperimentSpec, ...]:
    """Return all experiments that have a group in a store, in order."""
    return tuple(_spec(name) for name in NAMES)


def all_specs() -> tuple[ExperimentSpec, ...]:
    """Return all experiments that the command ``experiment`` knows, including the one without a group."""
    return (*specs(), _spec(ATTRIBUTION))


def spec_of(name: str) -> ExperimentSpec:
    """Return the specification of an experiment.

    Raises
    ------
    OptionError
        Where there is none of that name.

    """
    if name not in (*NAMES, ATTRIBUTION):
        raise OptionError(f"There is no experiment {name!r}. Choose one of {', '.join(NAMES)}.")
    return _spec(name)


def entries() -> tuple[Entry, ...]:
    """Return the datasets of all experiments."""
    return _entries(NAMES)


def axes() -> tuple[Axis, ...]:
    """Return the axes that only experiments have, each once."""
    return _axes(NAMES)


# Cached, because a check asks for them at every dataset.


@cache
def _entries(names: tuple[str, ...]) -> tuple[Entry, ...]:
    return tuple(entry for name in names for entry in _spec(name).entries)


@cache
def _axes(names: tuple[str, ...]) -> tuple[Axis, ...]:
    return tuple(dict.fromkeys(axis for name in names for axis in _spec(name).axes))


def _spec(name: str) -> ExperimentSpec:
    spec: ExperimentSpec = import_module(f"precompute.store.experiments.{name}").SPEC
    return spec
