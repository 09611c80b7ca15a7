"""Units that go one by one, each time the one that is missed least."""

from precompute.store.entry import STRING, Entry

_GROUP = "/experiments/compression"
_LAYER = f"{_GROUP}/layers/<layer>"
_NO_CHOICE = "for a class without images in that half"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        f"{_GROUP}/half",
        "i4",
        ("image",),
        "half",
        "Half of the images, divided within each class: 0 where it is decided which unit goes, 1 where accuracy is "
        "measured, -1 for images that were not used.",
    ),
    Entry(
        f"{_LAYER}/ranking",
        STRING,
        ("order",),
        "name",
        "What each order is: `greedy`, a measure of each unit alone by which the lowest go first, or `random`.",
    ),
    Entry(
        f"{_LAYER}/unit",
        "i4",
        ("order", "unit"),
        "unit",
        "The units in the order in which they are removed; those never removed follow.",
    ),
    Entry(
        f"{_LAYER}/n_removed",
        "i4",
        ("step",),
        "units",
        "How many units are removed at each step, from 0; between two steps lies one round of the greedy order.",
    ),
    Entry(f"{_LAYER}/accuracy", "f4", ("order", "step"), "fraction", "Accuracy over the images of the second half."),
    Entry(
        f"{_LAYER}/deciding_accuracy",
        "f4",
        ("step",),
        "fraction",
        "Accuracy along the greedy order over the images of the first half, on which it was decided.",
    ),
    Entry(
        f"{_LAYER}/reduction",
        "f4",
        ("round", "unit"),
        "fraction",
        "Classification accuracy reduction: accuracy on the first half before the unit goes, minus after; below zero "
        "where accuracy gains.",
        nan="for units that are gone",
    ),
    Entry(
        f"{_LAYER}/colour_selectivity",
        "f4",
        ("unit",),
        "index",
        "1 minus activation on the top exemplars in grey over activation on the same in colour.",
        nan="for units that their exemplars do not drive",
    ),
    *(
        Entry(f"{_LAYER}/{end}_{name}", dtype, ("unit", "place"), unit, doc.format(end), nan=nan)
        for end in ("most", "least")
        for name, dtype, unit, doc, nan in (
            ("class", "i4", "class", "The {} important classes of the unit on the first half, first of all first.", ""),
            ("drop", "f4", "fraction", "Drops of the {} important classes on that half.", ""),
            ("held_out", "f4", "fraction", "Their drops on the second half.", _NO_CHOICE),
        )
    ),
)
