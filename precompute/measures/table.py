"""The measures: one row each, with what a reader needs to understand the number.

Pickers, tables, axes, help texts and the documentation are made from these rows.
"""

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

CLASS_VALUED = frozenset({"selective_class", "max_class_drop_class"})
"""Measures whose values are class indices, also under a suffix such as ``_mean``."""


def rows_for(ablation_kind: str) -> tuple[MeasureRow, ...]:
    """Return the rows of the drops of one kind of ablation: as listed for ``zero``, with a suffix for any other."""
    rows = tuple(row for row in MEASURES if "drop" in row.name)
    if ablation_kind == "zero":
        return rows
    return tuple(
        MeasureRow(
            f"{row.name}_{ablation_kind}",
            f"{row.label} ({ablation_kind} ablation)",
            f"{row.formula}, set to its {ablation_kind} instead of zero",
            row.source,
            row.range,
            row.better,
        )
        for row in rows
    )


def is_class_valued(name: str) -> bool:
    """Whether a measure's values are class indices."""
    return any(name == base or name.startswith(f"{base}_") for base in CLASS_VALUED)
