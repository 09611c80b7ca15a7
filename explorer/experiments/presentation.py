"""A presentation: what the Experiments page knows of one experiment beyond its specification."""

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
        One sentence that says what its figure shows; also said where a store does not hold the experiment.
    reading : str
        One paragraph: how to read figure and numbers.
    limits : str
        One paragraph: what they cannot tell.
    draw : callable
        Lays out figure and numbers, given the view, a layer that the experiment was carried out on, and the experiment.
        What a reader can choose is part of the URL: see :mod:`explorer.widgets.choices`.
    """

    shows: str
    reading: str
    limits: str
    draw: Draw


def presentation_of(name: str) -> Presentation | None:
    """Return how an experiment is shown; None for one that this program does not know."""
    if name not in registry.NAMES:
        return None
    shown: Presentation = import_module(f"explorer.experiments.{name}").PRESENTATION
    return shown
