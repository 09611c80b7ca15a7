"""The part of the format below ``/experiments``, as data: which datasets each experiment has, and what they mean.

An experiment's group, where it is there, is whole; :mod:`precompute.store.schema` joins these tables to its own.
"""

from precompute.store.entry import Entry, Fact
from precompute.store.experiments import (
    compression,
    correlations,
    cumulative,
    dissection,
    entropy,
    responses,
    roles,
    rotation,
    selectivity,
    statistics,
)

FACTS: dict[str, Fact] = {
    "title": Fact("text", "The experiment's name for readers."),
    "source": Fact("text", "Where the method comes from."),
    "created": Fact("text", "When the experiment was added, ISO 8601 with the offset from UTC."),
    "command": Fact("text", "The command that made it."),
    "options": Fact("text", "What it was asked to do, a JSON object of option and value."),
    "seed": Fact("integer", "What all its random choices come from."),
    "versions": Fact("text", "Versions of the program and its libraries, a JSON object."),
    "reduced": Fact("text", "What was cut down to stay within the time allowed; absent where nothing was.", False),
}
"""Facts of every experiment's group."""

ENTRIES: tuple[Entry, ...] = (
    *statistics.ENTRIES,
    *selectivity.ENTRIES,
    *responses.ENTRIES,
    *correlations.ENTRIES,
    *cumulative.ENTRIES,
    *compression.ENTRIES,
    *rotation.ENTRIES,
    *dissection.ENTRIES,
    *entropy.ENTRIES,
    *roles.ENTRIES,
)

NAMES: tuple[str, ...] = tuple(dict.fromkeys(entry.path.split("/")[2] for entry in ENTRIES))
"""The experiments that the format knows; a group of another name is left alone."""
