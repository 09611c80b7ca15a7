"""A presentation: what the Experiments page needs to show an experiment, beyond its specification."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from explorer.navigate import View
from precompute.store.experiments import registry
from precompute.store.reader import Experiment, Layer

Draw = Callable[[View, Layer, Experiment], None]


@dataclass(frozen=True)
class Presentation:
    """How one experiment is shown.

    Parameters
    ----------
    shows : str
        One sentence that says what the figure shows. The page shows it also where a store lacks the experiment.
    reading : str
        One paragraph on how to read the figure and the numbers.
    limits : str
        One paragraph on what they cannot tell.
    draw : callable
        Shows figure and numbers, given the view, a layer of the experiment, and the experiment. What a reader can
        choose is part of the URL: see :mod:`explorer.widgets.choices`.
    """

    shows: str
    reading: str
    limits: str
    draw: Draw


def presentation_of(name: str) -> Presentation | None:
    """Return the presentation of an experiment; None for one that this version does not know."""
    if name not in registry.NAMES:
        return None
    shown: Presentation = import_module(f"explorer.experiments.{name}").PRESENTATION
    return shown
