"""Feature entropy, and what removing units in its order does to a class."""

from precompute.store.entry import STRING, Axis, Entry
from precompute.store.experiments.axes import ORDER, STEP
from precompute.store.experiments.spec import OF_ANY, OF_SWEEPS, ExperimentSpec, Removal

_LAYER = "/experiments/entropy/layers/<layer>"
_NO_ENTROPY = "for a class without images to compute entropies from"
_NOT_MEASURED = "for a class without images to measure on"
_ALONG = ("order", "step", "class")

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "/experiments/entropy/half",
        "i4",
        ("image",),
        "half",
        "Half of the images, divided within each class: 0 for images that entropies are computed from, 1 for images on "
        "which accuracy and loss are measured, -1 for images that were not used. No image is 0 where entropies are "
        "computed from training images.",
    ),
    Entry(
        "/experiments/entropy/n_images",
        "i4",
        ("class",),
        "images",
        "Images of the class that entropies are computed from.",
    ),
    Entry(
        f"{_LAYER}/entropy",
        "f4",
        ("unit", "class"),
        "nat",
        "Feature entropy of the unit over the images of the class.",
        nan=_NO_ENTROPY,
    ),
    Entry(
        f"{_LAYER}/selective_rate",
        "f4",
        ("unit", "class"),
        "share",
        "Share of those images on which the unit's map has a hole at any level.",
        nan=_NO_ENTROPY,
    ),
    *(
        Entry(f"{_LAYER}/shuffled_{end}", "f4", ("unit", "class"), "nat", doc, nan=_NO_ENTROPY)
        for end, doc in (
            ("mean", "Mean feature entropy of the same maps with their pixels in random order, over 19 shuffles."),
            ("low", "Lowest of the 19; one more shuffle would be lower with a probability of 5 %."),
            ("high", "Highest of the 19."),
        )
    ),
    *(
        Entry(f"{_LAYER}/shuffled_mean_{end}", "f4", ("unit",), "nat", doc, required=False)
        for end, doc in (
            ("low", "Lowest, of the 19 shuffles, of the mean over the classes with images."),
            ("high", "Highest of the 19."),
        )
    ),
    Entry(
        f"{_LAYER}/shuffled_rate",
        "f4",
        ("unit", "class"),
        "share",
        "Mean selective rate of the shuffled maps.",
        nan=_NO_ENTROPY,
    ),
    Entry(f"{_LAYER}/noise", STRING, ("noise",), "name", "Kinds of noise: `independent` pixels, or `smooth`."),
    *(
        Entry(f"{_LAYER}/noise_{end}", "f4", ("noise", "class"), "nat", doc, nan=_NO_ENTROPY)
        for end, doc in (
            ("mean", "Mean feature entropy of as many maps of noise of the same size."),
            ("low", "What it stays at or below in 2.5 % of the draws."),
            ("high", "What it stays at or below in 97.5 % of the draws."),
        )
    ),
    Entry(f"{_LAYER}/noise_rate", "f4", ("noise",), "share", "Selective rate of the noise."),
    Entry(
        f"{_LAYER}/agreement",
        "f4",
        ("class",),
        "correlation",
        "Rank correlation, over units, of the entropies with those on the images measured on.",
        nan="where either are the same for all units, or for fewer than three units",
    ),
    Entry(
        f"{_LAYER}/ranking",
        STRING,
        ("order",),
        "name",
        "What each order is: `lowest` entropy for the class first, `highest` first, or `random`.",
    ),
    Entry(f"{_LAYER}/unit", "i4", ("class", "unit"), "unit", "The units, lowest entropy for the class first."),
    Entry(f"{_LAYER}/n_removed", "i4", ("step",), "units", "How many units are removed at each step, from 0 to all."),
    Entry(
        f"{_LAYER}/accuracy",
        "f4",
        _ALONG,
        "share",
        "Share of the class's images that are right.",
        nan=_NOT_MEASURED,
    ),
    Entry(
        f"{_LAYER}/loss",
        "f4",
        _ALONG,
        "nat",
        "Mean over the class's images of the negative log-probability of their class.",
        nan=f"{_NOT_MEASURED}, and everywhere in a store without log-probabilities",
    ),
    Entry(
        f"{_LAYER}/half_at",
        "f4",
        ("order", "class"),
        "units",
        "How many units are removed when the accuracy is first at half of its beginning, or below.",
        nan="where that never happens, or the accuracy begins at 0",
    ),
    Entry(
        f"{_LAYER}/fall",
        "f4",
        ("order", "class"),
        "fraction",
        "Largest fall of the accuracy within 5 % of the steps, one at least.",
        nan=_NOT_MEASURED,
    ),
    Entry(f"{_LAYER}/fall_from", "i4", ("order", "class"), "units", "Units removed where that fall begins."),
    Entry(f"{_LAYER}/fall_to", "i4", ("order", "class"), "units", "Units removed where it ends."),
)

SPEC = ExperimentSpec(
    name="entropy",
    title="Feature entropy",
    source="Zhao and Zhang 2021, arXiv:2103.09716",
    adds="for every layer with maps of 4 a side or more: the feature entropy and the selective rate of every unit for "
    "every class, beside those of noise and of the same maps with their pixels shuffled; accuracy and loss of the "
    "class against the number of units set to zero, lowest entropy first, highest first and in 20 random orders, "
    "with the number of units at which half of the accuracy is gone, and the steepest fall; the measures "
    "`feature_entropy` and `selective_rate`",
    options=(*OF_ANY, *OF_SWEEPS, "entropy_rule", "train_images", "follow_links"),
    entries=ENTRIES,
    axes=(
        ORDER,
        STEP,
        Axis("noise", "kinds of noise", "as in the dataset `noise`", "noise"),
    ),
    removals=(Removal("layers/<layer>", meet=("accuracy", "loss")),),
    without_log_prob="the loss is left out",
)
