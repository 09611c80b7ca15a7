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
    "Each unit was silenced in turn, on all images; what then changed lies in one file, the store, which you look at.",
    "Pictures and names lead to their pages, and the key ? is help everywhere.",
)
"""The three sentences on a first visit."""

STEPS = (
    Step(
        "overview",
        "The store",
        "The sentence below says which network and which images this is about. Each tile is a unit that is worth a "
        "look, with the reason above its pictures. Click any of them, at any time.",
    ),
    Step(
        "layer",
        "A layer",
        "All units of a layer, in a plot, a table and as pictures. The field on top finds units: those that a class "
        "needs, those with a label, those with any measure in a range.",
    ),
    Step(
        "unit",
        "A unit",
        "What it sees: the images that drive it most, with its active region outlined. What breaks without it: the "
        "accuracy that each class loses, and how far chance alone would go. The arrow keys lead to the next unit.",
    ),
    Step(
        "class",
        "A class",
        "The same from the other side: the units that this class needs, how sure that is, and what its images are "
        "taken for when one of these units is lost.",
    ),
    Step(
        "what_if",
        "What if",
        "Ask what the network would say without several units at once, or with a unit made stronger. It runs on this "
        "machine, and the page says what changes and whether that is more than the parts together.",
    ),
    Step(
        "name",
        "Names",
        "Say what units answer to, one after the other, by keys alone; nobody sees the labels of others here. The "
        "page Quiz asks how well you understand units. That is all: the key ? has the tour again.",
    ),
)
"""They are numbered from 1 in the URL."""
