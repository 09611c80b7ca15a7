"""What takes the network's maps and its belief in every class."""

from precompute.store.entry import Entry
from precompute.store.experiments.by_half import by_half

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
    *by_half(_LAYER),
)
