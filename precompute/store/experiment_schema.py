"""The part of the format below ``/experiments``, as data: which datasets each experiment has, and what they mean.

An experiment's group, where it is there, is whole; :mod:`precompute.store.schema` joins these tables to its own.
"""

from precompute.store.entry import STRING, Entry, Fact

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

_STATISTICS = "/experiments/statistics"
_ABLATED = f"{_STATISTICS}/layers/<layer>/ablation/<kind>"
_CORRELATED = "/experiments/correlations/layers/<layer>/ablation/<kind>"
_CUMULATIVE = "/experiments/cumulative"
_CURVES = f"{_CUMULATIVE}/layers/<layer>"

_ALL_SET_APART = "where every class is set apart"
_NO_CHOICE = "where no class loses on the first half"
_CONSTANT = "where either is the same for all units, or fewer than three units have both"
_ONE_CLASS = "where all images are of one class"
_NOT_MEASURED = "for a class without images in the half measured on"

_STATISTICS_ENTRIES = (
    Entry(
        f"{_STATISTICS}/half",
        "i4",
        ("image",),
        "half",
        "Half of the images, divided within each class: 0 where a unit's class is chosen, 1 where its drop is read.",
    ),
    Entry(
        f"{_STATISTICS}/set_apart",
        "i4",
        ("class",),
        "yes/no",
        "1 for classes with an accuracy below 0.1, or no images, which have nothing to lose; maxima leave them out.",
    ),
    Entry(f"{_ABLATED}/lost", "i4", ("unit", "class"), "images", "Images right with the unit and wrong without it."),
    Entry(f"{_ABLATED}/gained", "i4", ("unit", "class"), "images", "Images wrong with the unit and right without it."),
    Entry(
        f"{_ABLATED}/mcnemar_p",
        "f8",
        ("unit", "class"),
        "probability",
        "Exact two-sided McNemar p-value of lost against gained; 1 where both are 0.",
    ),
    Entry(
        f"{_ABLATED}/class_p",
        "f8",
        ("unit", "class"),
        "probability",
        "Probability that chance makes the largest class drop of the unit as large as the drop of this class: its "
        "one-sided p-value, corrected for the number of classes.",
        nan="for classes set apart",
    ),
    Entry(
        f"{_ABLATED}/log_prob_change",
        "f4",
        ("unit", "class"),
        "nat",
        "Mean change of the true class's log-probability over the images of the class.",
        required=False,
        nan="for a class without images",
    ),
    Entry(
        f"{_ABLATED}/log_prob_p",
        "f8",
        ("unit", "class"),
        "probability",
        "Two-sided Wilcoxon signed-rank p-value of that change.",
        required=False,
        nan="for a class without images",
    ),
    Entry(
        f"{_ABLATED}/max_drop",
        "f4",
        ("unit",),
        "fraction",
        "Largest class drop over the classes that are not set apart.",
        nan=_ALL_SET_APART,
    ),
    Entry(
        f"{_ABLATED}/max_drop_class",
        "f4",
        ("unit",),
        "class",
        "Class of the largest drop, the first among equals.",
        nan="where no class loses",
    ),
    Entry(
        f"{_ABLATED}/max_drop_expected",
        "f4",
        ("unit",),
        "fraction",
        "Mean of the largest class drop when every changed image is lost or gained by a fair coin.",
        nan=_ALL_SET_APART,
    ),
    Entry(
        f"{_ABLATED}/max_drop_noise",
        "f4",
        ("unit",),
        "fraction",
        "What the largest class drop stays at or below in 95 % of those cases.",
        nan=_ALL_SET_APART,
    ),
    Entry(
        f"{_ABLATED}/max_drop_p",
        "f8",
        ("unit",),
        "probability",
        "Probability that those coins make the largest class drop as large as it is.",
        nan=_ALL_SET_APART,
    ),
    Entry(
        f"{_ABLATED}/max_drop_q",
        "f8",
        ("unit",),
        "probability",
        "Benjamini-Hochberg q-value of max_drop_p over the units of the layer.",
        nan=_ALL_SET_APART,
    ),
    Entry(
        f"{_ABLATED}/held_out_class",
        "f4",
        ("unit",),
        "class",
        "Class that loses most on the first half of the images, the first among equals.",
        nan=_NO_CHOICE,
    ),
    Entry(
        f"{_ABLATED}/held_out_drop",
        "f4",
        ("unit",),
        "fraction",
        "Drop of that class on the second half.",
        nan=_NO_CHOICE,
    ),
    Entry(
        f"{_ABLATED}/held_out_low",
        "f4",
        ("unit",),
        "fraction",
        "Lower end of its 95 % interval.",
        nan=_NO_CHOICE,
    ),
    Entry(
        f"{_ABLATED}/held_out_high",
        "f4",
        ("unit",),
        "fraction",
        "Upper end of its 95 % interval.",
        nan=_NO_CHOICE,
    ),
    Entry(f"{_ABLATED}/held_out_lost", "i4", ("unit",), "images", "Images of that class lost on the second half."),
    Entry(f"{_ABLATED}/held_out_gained", "i4", ("unit",), "images", "Images of that class gained on the second half."),
    Entry(f"{_ABLATED}/held_out_images", "i4", ("unit",), "images", "Images of that class in the second half."),
    Entry(
        f"{_ABLATED}/reliability",
        "f4",
        ("unit",),
        "correlation",
        "Split-half reliability of the drops over classes: correlation between halves, stepped up to all images.",
        nan="where the drops of a half are the same for all classes",
    ),
)

_CORRELATIONS_ENTRIES = (
    Entry(f"{_CORRELATED}/measure", STRING, ("measure",), "name", "The measures, by their names in the layer."),
    Entry(f"{_CORRELATED}/target", STRING, ("target",), "name", "The drops that they are held against."),
    Entry(
        f"{_CORRELATED}/n_units",
        "i4",
        ("measure", "target"),
        "units",
        "Units that have both; dead units are left out.",
    ),
    *(
        Entry(f"{_CORRELATED}/{name}{end}", "f4", ("measure", "target"), "correlation", doc, nan=_CONSTANT)
        for name, title in (("pearson", "Pearson"), ("spearman", "Spearman rank"))
        for end, doc in (
            ("", f"{title} correlation over units."),
            ("_low", "Lower end of its 95 % bootstrap interval over units."),
            ("_high", "Upper end of its 95 % bootstrap interval over units."),
        )
    ),
)

_CUMULATIVE_ENTRIES = (
    Entry(
        f"{_CUMULATIVE}/half",
        "i4",
        ("image",),
        "half",
        "Half of the images, divided within each class: 0 where units are ranked, 1 where accuracy is measured, "
        "-1 for images that were not used.",
    ),
    Entry(
        f"{_CURVES}/score",
        "f4",
        ("unit",),
        "measure",
        "What the units are ranked by, highest first in the order `most`; undefined scores rank lowest.",
        nan="where the measure is not defined",
    ),
    Entry(f"{_CURVES}/ranking", STRING, ("order",), "name", "What each order is: `most`, `least` or `random`."),
    Entry(f"{_CURVES}/unit", "i4", ("order", "unit"), "unit", "The units in the order in which they are removed."),
    Entry(f"{_CURVES}/n_removed", "i4", ("step",), "units", "How many units are removed at each step, from 0 to all."),
    Entry(f"{_CURVES}/accuracy", "f4", ("order", "step"), "fraction", "Accuracy over the images of the second half."),
    Entry(
        f"{_CURVES}/balanced",
        "f4",
        ("order", "step"),
        "fraction",
        "Mean over classes of their balanced accuracy.",
        nan=_ONE_CLASS,
    ),
    Entry(
        f"{_CURVES}/class_accuracy",
        "f4",
        ("order", "step", "class"),
        "fraction",
        "Share of the class's images that are right.",
        nan=_NOT_MEASURED,
    ),
    Entry(
        f"{_CURVES}/class_balanced",
        "f4",
        ("order", "step", "class"),
        "fraction",
        "Balanced accuracy of the class against the rest: mean of the shares of its images given its output and of "
        "other images not given it; chance is 0.5.",
        nan=f"{_NOT_MEASURED}, or without any other",
    ),
    Entry(
        f"{_CURVES}/area",
        "f4",
        ("order",),
        "fraction",
        "Area under accuracy against the share of units removed, by trapezoids.",
    ),
    Entry(f"{_CURVES}/balanced_area", "f4", ("order",), "fraction", "The same of balanced.", nan=_ONE_CLASS),
)

ENTRIES: tuple[Entry, ...] = (*_STATISTICS_ENTRIES, *_CORRELATIONS_ENTRIES, *_CUMULATIVE_ENTRIES)

NAMES: tuple[str, ...] = tuple(dict.fromkeys(entry.path.split("/")[2] for entry in ENTRIES))
"""The experiments that the format knows; a group of another name is left alone."""
