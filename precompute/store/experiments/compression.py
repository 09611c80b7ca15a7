"""Units that go one by one, each time the one that is missed least."""

from precompute.store.entry import STRING, Axis, Entry
from precompute.store.experiments.axes import ORDER, STEP
from precompute.store.experiments.spec import OF_ANY, OF_NETWORK, ExperimentSpec, Removal
from precompute.store.keep import ACTIVATIONS

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
    Entry(f"{_LAYER}/accuracy", "f4", ("order", "step"), "share", "Accuracy over the images of the second half."),
    Entry(
        f"{_LAYER}/deciding_accuracy",
        "f4",
        ("step",),
        "share",
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

SPEC = ExperimentSpec(
    name="compression",
    title="Greedy compression",
    needs_of_all=ACTIVATIONS,
    source="Abbasi-Asl and Yu 2017, arXiv:1705.07356 and arXiv:1711.02329; colour: Rafegas et al. 2020, "
    "arXiv:1702.00382",
    adds="for every layer: the order in which units go when each round removes the unit that costs least accuracy, "
    "beside those already removed; accuracy along this order, and along orders that are fixed before "
    "(drop of each unit alone, class selectivity, L1 norm, 20 random ones); the five most and the five least "
    "important classes of every unit; the measures `colour_selectivity` and, where kernels read the picture "
    "itself, `weight_chroma`",
    on_one_device="each round rests on what the rounds before it removed, and on what is held of every image",
    options=(*OF_ANY, *OF_NETWORK, "keep"),
    entries=ENTRIES,
    axes=(
        ORDER,
        STEP,
        Axis("round", "rounds of greedy compression", "of the rounds", "reduction"),
        Axis(
            "place", "the most or least important classes of a unit, at most 5", "most extreme first", "most_class", 1
        ),
    ),
    removals=(Removal("layers/<layer>", to_the_end=False),),
    without_log_prob="of classes with equal drops the later one counts as more important",
)
