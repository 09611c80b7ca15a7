"""One row of the table of measures, and the rows of the measures that every run writes."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MeasureRow:
    """One number per unit.

    Parameters
    ----------
    name : str
        Its name in the store.
    label : str
        Its name on the screen.
    formula : str
        How it is computed, in one line.
    source : str
        Where the definition comes from.
    range : str
        The values it can take.
    better : str
        ``higher`` or ``lower`` where a reader looks for one end first, otherwise ``neither``.
    """

    name: str
    label: str
    formula: str
    source: str
    range: str
    better: str

    def facts(self) -> dict[str, str]:
        """Return what a store says of the measure beside its values."""
        return {fact: getattr(self, fact) for fact in ("label", "formula", "source", "range", "better")}


_MORCOS = "Morcos et al. 2018, arXiv:1803.06959"
_ZHOU = "Zhou et al. 2018, arXiv:1806.02891"

MEASURES: tuple[MeasureRow, ...] = (
    MeasureRow(
        "class_selectivity",
        "Class selectivity",
        "(mu_max - mu_rest) / (mu_max + mu_rest), mu: class means of the activation averaged over space",
        _MORCOS,
        "0 to 1",
        "higher",
    ),
    MeasureRow("selective_class", "Preferred class", "class of mu_max", _MORCOS, "class index", "neither"),
    MeasureRow(
        "overall_drop",
        "Overall drop",
        "accuracy over all images - accuracy without the unit",
        _ZHOU,
        "-1 to 1",
        "higher",
    ),
    MeasureRow(
        "max_class_drop",
        "Largest class drop",
        "maximum over classes of accuracy - accuracy without the unit",
        _ZHOU,
        "-1 to 1",
        "higher",
    ),
    MeasureRow(
        "max_class_drop_class",
        "Class of the largest drop",
        "class on which the largest drop falls",
        _ZHOU,
        "class index",
        "neither",
    ),
    MeasureRow(
        "l1_norm",
        "L1 norm",
        "sum of |weight| over the kernel that alone makes the unit, times |gamma| / sigma of a batch norm after it",
        "Li et al. 2017, arXiv:1608.08710",
        "0 and above",
        "neither",
    ),
    MeasureRow("dead", "Dead", "1 where the map is zero everywhere on every image", "", "0 or 1", "lower"),
)
