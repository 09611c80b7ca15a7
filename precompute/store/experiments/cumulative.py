"""The specification of ``cumulative``: accuracy as units are removed."""

from precompute.store.entry import STRING, Axis, Entry
from precompute.store.experiments.axes import ORDER, STEP
from precompute.store.experiments.spec import OF_ANY, OF_SWEEPS, ExperimentSpec, Removal
from precompute.store.keep import CHANGES

_CURVES = "/experiments/cumulative/layers/<layer>"
_RANKED = f"{_CURVES}/class_ranked"
_ONE_CLASS = "where all images are of one class"
_NOT_MEASURED = "for a class without images in the half measured on"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "/experiments/cumulative/half",
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
    Entry(
        f"{_CURVES}/accuracy",
        "f4",
        ("order", "step"),
        "share",
        "Accuracy over the images of the second half.",
    ),
    Entry(
        f"{_CURVES}/balanced",
        "f4",
        ("order", "step"),
        "share",
        "Mean over classes of their balanced accuracy.",
        nan=_ONE_CLASS,
    ),
    Entry(
        f"{_CURVES}/class_accuracy",
        "f4",
        ("order", "step", "class"),
        "share",
        "Share of the class's images that are right.",
        nan=_NOT_MEASURED,
    ),
    Entry(
        f"{_CURVES}/class_balanced",
        "f4",
        ("order", "step", "class"),
        "share",
        "Balanced accuracy of the class against the rest: mean of the shares of its images given its output and of "
        "other images not given it; chance is 0.5.",
        nan=f"{_NOT_MEASURED}, or without any other",
    ),
    Entry(
        f"{_CURVES}/area",
        "f4",
        ("order",),
        "share",
        "Area under accuracy against the share of units removed, by trapezoids.",
    ),
    Entry(f"{_CURVES}/balanced_area", "f4", ("order",), "share", "The same of balanced.", nan=_ONE_CLASS),
    Entry(
        f"{_CURVES}/agreement",
        "f4",
        ("order", "step"),
        "share",
        "Share of the images of the second half whose prediction, right or wrong, is that of the whole network.",
        required=False,
    ),
    Entry(
        f"{_CURVES}/prunability",
        "f4",
        ("order",),
        "share",
        "Share of the units that can go before agreement is below 0.8, interpolated.",
        required=False,
    ),
    Entry(f"{_RANKED}/class", "i4", ("ranked class",), "class", "The classes that units are ranked for."),
    Entry(
        f"{_RANKED}/score",
        "f4",
        ("ranked class", "unit"),
        "fraction",
        "Balanced accuracy of the class on the first half, minus the same without the unit.",
        nan=_ONE_CLASS,
    ),
    Entry(
        f"{_RANKED}/unit",
        "i4",
        ("ranked class", "unit"),
        "unit",
        "The units, most important for the class first: by score, then by the class's loss of log-probability.",
    ),
    Entry(f"{_RANKED}/n_removed", "i4", ("step",), "units", "How many units are removed at each step, from 0 to all."),
    *(
        Entry(f"{_RANKED}/{name}", "f4", ("ranked class", "end", "step"), "share", doc, nan=nan)
        for name, doc, nan in (
            ("accuracy", "Accuracy over the images of the second half.", ""),
            ("class_accuracy", "Share of the class's images in it that are right.", ""),
            ("class_balanced", "Balanced accuracy of the class against the rest; chance is 0.5.", _ONE_CLASS),
        )
    ),
)

SPEC = ExperimentSpec(
    name="cumulative",
    title="Cumulative ablation",
    needs_of_all=CHANGES,
    source="Morcos et al. 2018, arXiv:1803.06959; Bau et al. 2020, arXiv:2009.05041; prunability: Casper et al. 2021, "
    "arXiv:1912.04783",
    adds="for every layer: accuracy and balanced accuracy, of all classes and of each, against the number of units set "
    "to zero, most important first, least important first and in 20 random orders, with the areas under the curves "
    "and the share of units that can go while 80 % of predictions stay; the accuracies also for each class in "
    "orders of its own",
    options=(*OF_ANY, *OF_SWEEPS, "by", "classes"),
    entries=ENTRIES,
    axes=(
        ORDER,
        STEP,
        Axis("ranked class", "classes that units are ranked for", "as in the dataset `class`", "class"),
        Axis("end", "2, the most important units first and the least important first", "that"),
    ),
    removals=(
        Removal("layers/<layer>", meet=("accuracy", "balanced", "class_accuracy", "class_balanced")),
        Removal("layers/<layer>/class_ranked"),
    ),
    without_log_prob="of units with equal scores the one with the lower number comes first",
)
