"""The specification of ``responses``: units' maps and the network's belief in every class."""

from precompute.store.entry import Entry
from precompute.store.experiments.axes import HALF, MEASURE
from precompute.store.experiments.by_half import by_half
from precompute.store.experiments.spec import ExperimentSpec

_LAYER = "/experiments/responses/layers/<layer>"
_CONSTANT = "where either is the same on all images"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "/experiments/responses/half",
        "i4",
        ("image",),
        "half",
        "Half of the images, divided within each class: 0 or 1, -1 for images that were not used.",
    ),
    Entry(
        f"{_LAYER}/max_correlation",
        "f4",
        ("unit", "class"),
        "correlation",
        "Pearson correlation, over the images, of the unit's maximum over space with the network's probability of the "
        "class.",
        nan=_CONSTANT,
    ),
    Entry(
        f"{_LAYER}/mean_correlation",
        "f4",
        ("unit", "class"),
        "correlation",
        "The same of the unit's mean over space.",
        nan=_CONSTANT,
    ),
    *(
        Entry(
            f"{_LAYER}/shuffled_{end}",
            "f4",
            ("unit",),
            "correlation",
            doc,
            required=False,
            nan="where the unit is the same on all images, and where activations and probabilities of all images take "
            "more memory than is given",
        )
        for end, doc in (
            (
                "mean",
                "Mean, over 19 shuffles of the activations over the images, of the largest over the classes of "
                "max_correlation.",
            ),
            ("highest", "Highest of the 19; one more shuffle would be higher with a probability of 5 %."),
        )
    ),
    *by_half(_LAYER),
)

SPEC = ExperimentSpec(
    name="responses",
    title="Class correlation and zeros",
    source="Zhou et al. 2018, arXiv:1806.02891; Hu et al. 2016, arXiv:1607.03250",
    adds="for every layer: correlation of every unit's activation with the network's probability of every class, over "
    "all images and over each half; fraction of zeros",
    on_one_device="it sends every image through the network once and sweeps none",
    entries=ENTRIES,
    axes=(
        HALF,
        MEASURE,
    ),
)
