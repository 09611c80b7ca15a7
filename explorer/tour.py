"""The guided tour: the welcome for a first visitor, and the six steps, each on the page that it is about."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step.

    Parameters
    ----------
    page : str
        Name of the page that it is about.
    title : str
        Its title.
    said : str
        What can be seen and done there.
    """

    page: str
    title: str
    said: str


WELCOME = (
    "Unitscope shows what every unit of an image classifier sees, and what breaks without it.",
    "Each unit was silenced in turn on all images, and one file, the store, holds what changed.",
    "Click any picture or name to open its page, and press ? for help on any page.",
)
"""The three sentences on a first visit."""

STEPS = (
    Step(
        "overview",
        "The store",
        "The sentence below names the network and the images. Each tile is a unit that is worth a look, with the "
        "reason above its pictures. Click any of them, at any time.",
    ),
    Step(
        "layer",
        "A layer",
        "This page shows all units of a layer, in a plot, a table and as pictures. The field on top finds units: those "
        "that a class needs, those with a label, those with any measure in a range.",
    ),
    Step(
        "unit",
        "A unit",
        "What it sees: the images that drive it most, with its active region outlined. What breaks without it: the "
        "accuracy that each class loses, beside what chance alone would take. The arrow keys open the next unit.",
    ),
    Step(
        "class",
        "A class",
        "The same for a class: the units that it needs, how sure that is, and what its images are taken for when one "
        "of these units is silenced.",
    ),
    Step(
        "what_if",
        "What if",
        "Ask what the network would say without several units at once, or with a unit made stronger. The network runs "
        "on this machine. The page says what changes, and whether the units do more damage together than one by one.",
    ),
    Step(
        "name",
        "Names",
        "Say what units answer to, one after the other, by keys alone. On this page nobody sees the labels of others. "
        "The page Quiz asks how well you understand units. The tour ends here. To take it again, press ?.",
    ),
)
"""They are numbered from 1 in the URL."""
