"""The specification of ``selectivity``: classes, sparsity and redundancy of units."""

from precompute.store.entry import STRING, Axis, Entry
from precompute.store.experiments.axes import HALF, MEASURE
from precompute.store.experiments.by_half import by_half
from precompute.store.experiments.spec import OF_ANY, ExperimentSpec
from precompute.store.keep import ACTIVATIONS

_LAYER = "/experiments/selectivity/layers/<layer>"
_DEAD = "for dead units"
_NO_VARIATION = "for units that do not vary, and where no other does"
_NOT_DEFINED = "where the measure is not defined"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "/experiments/selectivity/half",
        "i4",
        ("image",),
        "half",
        "Half of the images, divided within each class: what is chosen on one is computed on the other, both ways.",
        bounds=(0.0, 1.0),
    ),
    Entry(
        f"{_LAYER}/auc",
        "f4",
        ("unit", "class"),
        "probability",
        "Probability that an image of the class has a higher activation/mean than another image, ties by half.",
        nan="for a class without images, and where all images are of it",
    ),
    Entry(
        f"{_LAYER}/precision",
        "f4",
        ("unit", "class"),
        "probability",
        "Share of the class among the k images of highest activation/max; k is 25, or the size of the smallest class "
        "with images where that is less.",
    ),
    Entry(
        f"{_LAYER}/average_precision",
        "f4",
        ("unit", "class"),
        "probability",
        "Average precision of activation/mean as a detector of the class, images of equal activation together.",
        required=False,
        nan="for a class without images",
    ),
    Entry(
        f"{_LAYER}/f1",
        "f4",
        ("unit", "class"),
        "share",
        "F1 of activation/mean as a detector of the class, the threshold chosen on one half of the images and read on "
        "the other, the mean of both ways.",
        required=False,
        nan="for a class without images on either half",
    ),
    Entry(
        f"{_LAYER}/held_out_class",
        "f4",
        ("unit",),
        "class",
        "Class that the unit prefers on either half of the images.",
        nan="where the halves disagree, and for units silent on either",
    ),
    Entry(f"{_LAYER}/chance/measure", STRING, ("measure",), "name", "The measures that are held against chance."),
    Entry(f"{_LAYER}/chance/observed", "f4", ("unit", "measure"), "measure", "The measure.", nan=_NOT_DEFINED),
    Entry(
        f"{_LAYER}/chance/expected",
        "f4",
        ("unit", "measure"),
        "measure",
        "Its mean when the labels are shuffled over the images.",
        nan=_DEAD,
    ),
    Entry(
        f"{_LAYER}/chance/ceiling",
        "f4",
        ("unit", "measure"),
        "measure",
        "What it stays at or below in 95 % of the shuffles.",
        nan=_DEAD,
    ),
    Entry(
        f"{_LAYER}/chance/p",
        "f8",
        ("unit", "measure"),
        "probability",
        "Share of the shuffles that reach it, the labels as they are counted among them.",
        nan=_NOT_DEFINED,
    ),
    Entry(
        f"{_LAYER}/chance/q",
        "f8",
        ("unit", "measure"),
        "probability",
        "Benjamini-Hochberg q-value of p over the units of the layer.",
        nan=_NOT_DEFINED,
    ),
    *by_half(_LAYER),
    Entry(
        f"{_LAYER}/closest_unit",
        "f4",
        ("unit",),
        "unit",
        "Other unit of the layer whose activation/mean correlates most over the images, either way.",
        nan=_NO_VARIATION,
    ),
    Entry(f"{_LAYER}/closest_r", "f4", ("unit",), "correlation", "That correlation, Pearson's.", nan=_NO_VARIATION),
    Entry(f"{_LAYER}/components/share", "f4", ("share",), "share", "Shares of the variance over the images."),
    Entry(
        f"{_LAYER}/components/n_components",
        "i4",
        ("share",),
        "components",
        "Principal components of activation/mean that hold each share of it.",
    ),
)

SPEC = ExperimentSpec(
    name="selectivity",
    title="Selectivity and information",
    needs_of_all=ACTIVATIONS,
    source="Morcos et al. 2018, arXiv:1803.06959; Casper et al. 2021, arXiv:1912.04783; Oikarinen et al. 2025, "
    "arXiv:2506.05774",
    adds="for every layer: class selectivity, also with its class chosen on other images, and mutual information of "
    "every unit; precision at k, area under the curve, average precision and F1 of every unit for every class; the "
    "level of each by shuffled labels; silent images, sparsity, redundancy with the closest unit, principal "
    "components; the measures on each half of the images",
    needs="the store",
    needs_network=False,
    options=(*OF_ANY, "max_minutes"),
    entries=ENTRIES,
    axes=(
        HALF,
        MEASURE,
        Axis("share", "shares of a layer's variance", "as in the dataset `share`", "share"),
    ),
)
