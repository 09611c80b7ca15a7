"""The specification of ``statistics``: drops beside chance."""

from functools import partial

from precompute.store.checks import statistics
from precompute.store.entry import Axis, Entry
from precompute.store.experiments.spec import OF_ANY, ExperimentSpec
from precompute.store.keep import CHANGES

_ABLATED = "/experiments/statistics/layers/<layer>/ablation/<kind>"
_ALL_SET_APART = "where every class is set apart"
_OF_ALL = "in stores of an earlier version, where every class is set apart"
_NO_CHOICE = "where no class loses on the first half"

_NOT_NAMED = "where no single class stands out"

_QUOTED = (
    Entry(
        f"{_ABLATED}/quoted_class",
        "f4",
        ("unit",),
        "class",
        "Class that loses most, with a probability of at least 0.9 given the counts of the whole layer.",
        required=False,
        nan=_NOT_NAMED,
    ),
    Entry(
        f"{_ABLATED}/quoted_drop",
        "f4",
        ("unit",),
        "fraction",
        "Estimate of its drop, made also for units picked for their q, rank or size (empirical Bayes).",
        required=False,
        nan="where no single class stands out, and where the images do not settle it to about a point",
    ),
    Entry(
        f"{_ABLATED}/quoted_low",
        "f4",
        ("unit",),
        "fraction",
        "Lower end of its 95 % interval.",
        required=False,
        nan=_NOT_NAMED,
    ),
    Entry(
        f"{_ABLATED}/quoted_high",
        "f4",
        ("unit",),
        "fraction",
        "Upper end of its 95 % interval.",
        required=False,
        nan=_NOT_NAMED,
    ),
    Entry(
        f"{_ABLATED}/named_class",
        "f4",
        ("unit", "rank"),
        "class",
        "That class, or up to three of which one loses most with a probability of at least 0.9, the most probable "
        "first.",
        required=False,
        nan="where there are fewer; throughout where no few classes stand out",
    ),
    Entry(
        f"{_ABLATED}/named_probability",
        "f4",
        ("unit", "rank"),
        "probability",
        "How probable it is that each of them loses most.",
        required=False,
        nan="where named_class is",
    ),
)

_OVERALL = (
    Entry(
        f"{_ABLATED}/overall_p",
        "f8",
        ("unit",),
        "probability",
        "Exact two-sided McNemar p-value of all images lost against all gained.",
        required=False,
    ),
    Entry(
        f"{_ABLATED}/overall_q",
        "f8",
        ("unit",),
        "probability",
        "False discovery rate over the units of the layer at which overall_p is called, as for max_drop_q.",
        required=False,
    ),
    Entry(
        f"{_ABLATED}/overall_low",
        "f4",
        ("unit",),
        "fraction",
        "Lower end of the 95 % interval of the drop over all images; those of all units of the layer hold at once. In "
        "stores of an earlier version for one unit, not picked for its drop.",
        required=False,
    ),
    Entry(
        f"{_ABLATED}/overall_high",
        "f4",
        ("unit",),
        "fraction",
        "Upper end of that interval.",
        required=False,
    ),
)

_POWER = (
    Entry(f"{_ABLATED}/true_drop", "f4", ("drop",), "fraction", "Drops of one class.", required=False),
    Entry(
        f"{_ABLATED}/found_share",
        "f4",
        ("drop",),
        "probability",
        "How often a unit that costs one class of middle size so much, and otherwise changes answers as the "
        "layer's units that are not called do, would have max_drop_q <= 0.05 beside them.",
        required=False,
        nan=_ALL_SET_APART,
    ),
)

_CERTAINTY = (
    Entry(
        f"{_ABLATED}/certainty_p",
        "f8",
        ("unit",),
        "probability",
        "Smallest log_prob_p of the classes whose log-probability falls, times the number of classes with images.",
        required=False,
    ),
    Entry(
        f"{_ABLATED}/certainty_q",
        "f8",
        ("unit",),
        "probability",
        "Benjamini-Hochberg q-value of certainty_p over the units of the layer.",
        required=False,
    ),
    Entry(
        f"{_ABLATED}/certainty_class",
        "f4",
        ("unit",),
        "class",
        "Class of that p-value.",
        required=False,
        nan="where no class becomes less certain",
    ),
)


AS_MEASURES = {
    "max_class_drop_p": "max_drop_p",
    "max_class_drop_q": "max_drop_q",
    "max_class_drop_expected": "max_drop_expected",
    "max_class_drop_ceiling": "max_drop_ceiling",
    "quoted_drop": "quoted_drop",
    "quoted_drop_class": "quoted_class",
    "quoted_drop_low": "quoted_low",
    "quoted_drop_high": "quoted_high",
    "overall_drop_p": "overall_p",
    "overall_drop_q": "overall_q",
    "overall_drop_low": "overall_low",
    "overall_drop_high": "overall_high",
    "drop_reliability": "reliability",
    "certainty_p": "certainty_p",
    "certainty_q": "certainty_q",
    "certainty_class": "certainty_class",
}
"""For each measure of the experiment except the flip rate, the dataset that it equals, where that is stored."""

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "/experiments/statistics/half",
        "i4",
        ("image",),
        "half",
        "Half of the images, divided within each class: 0 where a unit's class is chosen, 1 where its drop is read.",
        bounds=(0.0, 1.0),
    ),
    Entry(
        "/experiments/statistics/set_apart",
        "i4",
        ("class",),
        "yes/no",
        "1 for classes with an accuracy below 0.1, or no images, which have nothing to lose; tests leave them out.",
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
        "Largest class drop over all classes; in stores of an earlier version over those that are not set apart.",
        nan=_OF_ALL,
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
        nan=_OF_ALL,
    ),
    Entry(
        f"{_ABLATED}/max_drop_ceiling",
        "f4",
        ("unit",),
        "fraction",
        "What the largest class drop stays at or below in 95 % of those cases.",
        nan=_OF_ALL,
    ),
    Entry(
        f"{_ABLATED}/max_drop_p",
        "f8",
        ("unit",),
        "probability",
        "Probability that those coins make the largest drop over the classes that are not set apart as large as it is.",
        nan=_ALL_SET_APART,
    ),
    Entry(
        f"{_ABLATED}/max_drop_q",
        "f8",
        ("unit",),
        "probability",
        "False discovery rate over the units of the layer at which max_drop_p is called: Benjamini and Hochberg's, "
        "knowing which p-values the changed images of each unit can give.",
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
    *_QUOTED,
    *_OVERALL,
    *_CERTAINTY,
    *_POWER,
    Entry(
        f"{_ABLATED}/reliability",
        "f4",
        ("unit",),
        "ratio",
        "Split-half reliability of the drops over classes: correlation between halves, stepped up to all images.",
        nan="where the drops of a half are the same for all classes",
    ),
)

SPEC = ExperimentSpec(
    name="statistics",
    title="Statistics of the drops",
    needs_of_all=CHANGES,
    source="McNemar 1947; Westfall and Young 1993; Benjamini and Hochberg 1995; the drops of Zhou et al. 2018, "
    "arXiv:1806.02891",
    adds="for every layer and kind of ablation: images lost and gained, exact McNemar p-values, the largest class drop "
    "with its chance level, p- and q-value, the drop of a class chosen on one half of the images and read on the "
    "other, split-half reliability, changes of log-probability",
    needs="the store",
    needs_network=False,
    options=OF_ANY,
    entries=ENTRIES,
    axes=(Axis("drop", "drops of one class that the power is told for", "as in the dataset `true_drop`", "true_drop"),),
    rules=partial(statistics.rules, as_measures=AS_MEASURES),
    without_log_prob="changes of log-probability and their p-values are left out",
)
