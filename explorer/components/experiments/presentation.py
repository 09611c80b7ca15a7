"""What the Experiments page has to know of one experiment beyond its row in the machine's table."""

from collections.abc import Callable
from dataclasses import dataclass

from explorer.navigate import View
from precompute.store.reader import Experiment, Layer

Draw = Callable[[View, Layer, Experiment], None]


@dataclass(frozen=True)
class Presentation:
    """How one experiment is shown.

    Parameters
    ----------
    name : str
        Its name in the store and on the command line.
    shows : str
        One sentence that says what its figure shows; also said where a store does not hold the experiment.
    reading : str
        One paragraph: how to read figure and numbers.
    limits : str
        One paragraph: what they cannot tell.
    draw : callable
        Lays out figure and numbers, given the view, a layer that the experiment was carried out on, and the experiment.
        What a reader can choose is part of the URL: see :mod:`explorer.components.experiments.choices`.
    """

    name: str
    shows: str
    reading: str
    limits: str
    draw: Draw
