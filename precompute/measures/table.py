"""The measures: one row each, with what a reader needs to understand the number.

Pickers, tables, axes, help texts and the documentation are made from these rows.
"""

from dataclasses import replace

from precompute.measures.drop_rows import DROP_ROWS
from precompute.measures.measure_row import MEASURES, MeasureRow

__all__ = [
    "CLASS_VALUED",
    "CONCEPT_VALUED",
    "DROPS",
    "MEASURES",
    "SCIENCE_MEASURES",
    "MeasureRow",
    "is_class_valued",
    "is_drop",
    "is_index_valued",
    "measure_row",
    "named",
    "rows_for",
]

_MORCOS = "Morcos et al. 2018, arXiv:1803.06959"
_ZHOU = "Zhou et al. 2018, arXiv:1806.02891"
_CASPER = "Casper et al. 2021, arXiv:1912.04783"
_ZHAO = "Zhao and Zhang 2021, arXiv:2103.09716"
_OIKARINEN = "Oikarinen et al. 2025, arXiv:2506.05774"
_FALL = "mean over classes of the fall of the true class's log-odds without the unit, in nats"

SCIENCE_MEASURES: tuple[MeasureRow, ...] = (
    *DROP_ROWS,
    MeasureRow(
        "class_selectivity_held_out",
        "Class selectivity, held out",
        "class selectivity of the class chosen on the other half of the images, both ways together",
        f"{_MORCOS}; {_CASPER}",
        "-1 to 1",
        "higher",
    ),
    MeasureRow(
        "class_selectivity_p",
        "Class selectivity: p",
        "share of shuffled labels that give as large a class selectivity",
        _MORCOS,
        "0 to 1",
        "lower",
    ),
    MeasureRow(
        "class_selectivity_noise",
        "Class selectivity by chance",
        "mean class selectivity under shuffled labels",
        _MORCOS,
        "0 to 1",
        "neither",
    ),
    MeasureRow(
        "class_correlation",
        "Class correlation",
        "maximum over classes of the correlation of the activation, at its maximum over space, with the predicted "
        "probability of the class",
        _ZHOU,
        "-1 to 1",
        "higher",
    ),
    MeasureRow(
        "class_correlation_class",
        "Class of the class correlation",
        "class of the largest correlation",
        _ZHOU,
        "class index",
        "neither",
    ),
    MeasureRow(
        "mutual_information",
        "Mutual information",
        "bits that the activation, in 32 quantile bins and one for zero, tells about the class; Miller-Madow corrected",
        _MORCOS,
        "any; 0 by chance",
        "higher",
    ),
    MeasureRow(
        "mutual_information_p",
        "Mutual information: p",
        "share of shuffled labels that give as much information",
        _MORCOS,
        "0 to 1",
        "lower",
    ),
    MeasureRow(
        "one_against_rest",
        "Best one-against-rest AUC",
        "maximum over classes of the probability that an image of the class drives the unit more than another image",
        "Hanley and McNeil 1982",
        "0 to 1",
        "higher",
    ),
    MeasureRow(
        "one_against_rest_class",
        "Class of the best AUC",
        "class that the activation finds best",
        "Hanley and McNeil 1982",
        "class index",
        "neither",
    ),
    MeasureRow(
        "precision_at_k",
        "Best precision at k",
        "maximum over classes of the share of the class among the k images that drive the unit most; k is 25, or the "
        "size of the smallest class",
        "",
        "0 to 1",
        "higher",
    ),
    MeasureRow(
        "average_precision",
        "Average precision",
        "average precision as a detector of the class chosen on the other half of the images, the mean of both ways",
        _OIKARINEN,
        "0 to 1",
        "higher",
    ),
    MeasureRow(
        "average_precision_class",
        "Class of the average precision",
        "class that the activation finds best on either half of the images",
        _OIKARINEN,
        "class index",
        "neither",
    ),
    MeasureRow(
        "best_f1",
        "Best F1",
        "F1 as a detector, class and threshold chosen on the other half of the images, the mean of both ways",
        _OIKARINEN,
        "0 to 1",
        "higher",
    ),
    MeasureRow(
        "zero_fraction",
        "Fraction of zeros (APoZ)",
        "fraction of zeros over images and positions",
        "Hu et al. 2016, arXiv:1607.03250",
        "0 to 1",
        "neither",
    ),
    MeasureRow(
        "silent_fraction",
        "Silent images",
        "fraction of the images on which the map is zero everywhere",
        "",
        "0 to 1",
        "neither",
    ),
    MeasureRow(
        "hoyer",
        "Sparsity (Hoyer)",
        "(sqrt(n) - |a|_1 / |a|_2) / (sqrt(n) - 1), a: activations on the n images",
        "Hoyer 2004",
        "0 to 1",
        "neither",
    ),
    MeasureRow(
        "lifetime_sparsity",
        "Lifetime sparsity",
        "(1 - mean(a)^2 / mean(a^2)) / (1 - 1/n), a: activations on the n images",
        "Vinje and Gallant 2000",
        "0 to 1",
        "neither",
    ),
    MeasureRow(
        "redundancy",
        "Redundancy",
        "number of other units of the layer whose activation correlates with the unit's, |r| at least 0.5",
        _CASPER,
        "0 and above",
        "neither",
    ),
    MeasureRow(
        "feature_entropy",
        "Feature entropy",
        "mean over classes of the entropy, in nats, of the levels at which the unit's maps first have a hole",
        _ZHAO,
        "0 and above",
        "lower",
    ),
    MeasureRow(
        "selective_rate",
        "Selective rate",
        "fraction of the images on which the unit's map has a hole at any level",
        _ZHAO,
        "0 to 1",
        "neither",
    ),
    MeasureRow(
        "concept_iou",
        "Concept alignment",
        "maximum over concepts of intersection over union of the concept's places with the unit's most active ones",
        "Bau et al. 2017, arXiv:1704.05796",
        "0 to 1",
        "higher",
    ),
    MeasureRow(
        "concept",
        "Best concept",
        "concept of the largest intersection over union",
        "Bau et al. 2017, arXiv:1704.05796",
        "concept index",
        "neither",
    ),
    MeasureRow("training_effect", "Effect on training images", f"{_FALL}, on training images", "", "any", "neither"),
    MeasureRow("held_out_effect", "Effect on held-out images", f"{_FALL}, on held-out images", "", "any", "neither"),
    MeasureRow("effect_gap", "Training beyond held-out effect", f"{_FALL}, training - held-out", "", "any", "neither"),
    MeasureRow(
        "colour_selectivity",
        "Colour selectivity",
        "1 - activation on the top exemplars in grey / activation on the top exemplars",
        "Rafegas et al. 2020, arXiv:1702.00382",
        "at most 1",
        "neither",
    ),
    MeasureRow(
        "weight_chroma",
        "Colour in the weights",
        "share of a first-layer kernel's energy off the grey axis",
        "",
        "0 to 1",
        "neither",
    ),
)
"""Measures that experiments add to a store; an ordinary run writes none of them."""

CLASS_VALUED = frozenset(
    {
        "selective_class",
        "max_class_drop_class",
        "held_out_drop_class",
        "quoted_drop_class",
        "certainty_class",
        "class_correlation_class",
        "one_against_rest_class",
        "average_precision_class",
    }
)
"""Measures whose values are class indices, also under a suffix such as ``_mean``."""

CONCEPT_VALUED = frozenset({"concept"})
"""Measures whose values are indices of the concepts of the experiment that added them."""


DROPS = frozenset(
    {
        "overall_drop",
        "max_class_drop",
        "max_class_drop_noise",
        "max_class_drop_ceiling",
        "max_class_drop_held_out",
        "max_class_drop_excess",
        "held_out_drop",
        "quoted_drop",
        "quoted_drop_low",
        "quoted_drop_high",
        "overall_drop_low",
        "overall_drop_high",
    }
)
"""Measures whose values are differences of accuracies, also under a suffix such as ``_mean``."""


def rows_for(ablation_kind: str) -> tuple[MeasureRow, ...]:
    """Return the rows of the drops of one kind of ablation: as listed for ``zero``, with a suffix for any other."""
    return tuple(_of_kind(row, ablation_kind) for row in MEASURES if "drop" in row.name)


def named(name: str, ablation_kind: str) -> str:
    """Return the name of a measure of one kind of ablation, such as ``flip_rate_mean``; plain for ``zero``."""
    return name if ablation_kind == "zero" else f"{name}_{ablation_kind}"


def measure_row(name: str) -> MeasureRow:
    """Return the row of a measure by its name in a store, also under the suffix of a kind of ablation.

    Raises
    ------
    KeyError
        Where no row has that name.
    """
    rows = {row.name: row for row in (*MEASURES, *SCIENCE_MEASURES)}
    base = name.removesuffix("_mean")
    return rows[name] if name in rows else _of_kind(rows[base], "mean")


def _of_kind(row: MeasureRow, kind: str) -> MeasureRow:
    if kind == "zero":
        return row
    label, formula = f"{row.label} ({kind} ablation)", f"{row.formula}, set to its {kind} instead of zero"
    return replace(row, name=named(row.name, kind), label=label, formula=formula)


def is_class_valued(name: str) -> bool:
    """Whether a measure's values are class indices."""
    return any(name == base or name.startswith(f"{base}_") for base in CLASS_VALUED)


def is_index_valued(name: str) -> bool:
    """Whether a measure's values are indices, of classes or of concepts, and so no quantities."""
    return is_class_valued(name) or name in CONCEPT_VALUED


def is_drop(name: str) -> bool:
    """Whether a measure's values are differences of accuracies, which readers know as percentage points."""
    return name in DROPS or name.removesuffix("_mean") in DROPS
