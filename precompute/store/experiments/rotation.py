"""The specification of ``rotation``: directions of randomly rotated bases beside units."""

from precompute.store.entry import Axis, Entry
from precompute.store.experiments.spec import OF_ANY, OF_SWEEPS, ExperimentSpec

_ROTATION = "/experiments/rotation"
_ALL_SET_APART = "where every class has an accuracy below 0.1, or no images"
_EARLIER = "in stores of an earlier version, where every class is set apart"

_FOUND: tuple[tuple[str, str, str, str, str], ...] = (
    ("overall_drop", "f4", "fraction", "Accuracy over all images used, minus the same without it.", ""),
    ("flip_rate", "f4", "share", "Share of the images whose prediction changes without it.", ""),
    ("max_drop", "f4", "fraction", "Its largest class drop.", _EARLIER),
    ("max_drop_class", "f4", "class", "Class of that drop, the first among equals.", "where no class loses"),
    (
        "max_drop_expected",
        "f4",
        "fraction",
        "Mean of the largest class drop when every changed image is lost or gained by a fair coin.",
        _EARLIER,
    ),
    (
        "max_drop_ceiling",
        "f4",
        "fraction",
        "What the largest class drop stays at or below in 95 % of those cases.",
        _EARLIER,
    ),
    (
        "max_drop_p",
        "f8",
        "probability",
        "Probability that those coins make the largest class drop as large as it is.",
        _ALL_SET_APART,
    ),
    (
        "max_drop_q",
        "f8",
        "probability",
        "Benjamini-Hochberg q-value of max_drop_p over what is ablated of one basis.",
        _ALL_SET_APART,
    ),
    (
        "energy",
        "f4",
        "share",
        "Share of the layer's mean square activation that it carries, over all images used and all positions.",
        "where the layer is silent on every image",
    ),
)


def _entries(group: str, axes: tuple[str, ...]) -> tuple[Entry, ...]:
    base = f"{_ROTATION}/layers/<layer>/{group}"
    return tuple(Entry(f"{base}/{name}", dtype, axes, unit, doc, nan=nan) for name, dtype, unit, doc, nan in _FOUND)


_ROTATED = f"{_ROTATION}/layers/<layer>/rotated"

ENTRIES: tuple[Entry, ...] = (
    Entry(f"{_ROTATION}/used", "i4", ("image",), "yes/no", "1 for images that the drops were measured on."),
    *_entries("natural", ("unit",)),
    Entry(
        f"{_ROTATED}/fraction",
        "f4",
        ("fraction",),
        "share",
        "How far each basis is on the way from the units to a random rotation: the share of its angles.",
    ),
    Entry(f"{_ROTATED}/seed", "i4", ("seed",), "seed", "What each random rotation is drawn from."),
    Entry(
        f"{_ROTATED}/direction",
        "i4",
        ("direction",),
        "direction",
        "Which directions of every basis were ablated: all, or some drawn at random.",
    ),
    *_entries("rotated", ("fraction", "seed", "direction")),
)

SPEC = ExperimentSpec(
    name="rotation",
    title="Random rotation",
    source="Zhou et al. 2018, arXiv:1806.02891; the rotations of Bau et al. 2017, arXiv:1704.05796",
    adds="for every layer: overall drop, largest class drop with its chance level, p- and q-value, and flip rate of "
    "every direction of five randomly rotated bases, each turned by a quarter, a half, three quarters and all of its "
    "rotation, beside those of the units on the same images",
    options=(*OF_ANY, *OF_SWEEPS),
    entries=ENTRIES,
    axes=(
        Axis("fraction", "fractions of a rotation", "as in the dataset `fraction`", "fraction"),
        Axis("seed", "rotations that were drawn", "as in the dataset `seed`", "seed"),
        Axis(
            "direction", "directions of a rotated basis that were ablated", "as in the dataset `direction`", "direction"
        ),
    ),
)
