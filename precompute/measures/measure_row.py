"""One row of the table of measures, and the rows of the measures that every run writes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from precompute.measures.responses import Labels, Responses
from precompute.measures.selectivity import class_means, class_selectivity

Kind = Literal["quantity", "drop", "effect", "chance", "class", "concept", "flag"]
"""What a measure is.

``quantity``: a property of the unit. ``drop``: accuracy lost without the unit. ``effect``: another effect of its loss.
``chance``: how sure another measure is, or its chance level. ``class``, ``concept``: an index. ``flag``: yes or no.
"""


@dataclass(frozen=True)
class ChanceLevel:
    """The level of a measure by chance alone: where a store holds it, and how it is described.

    Parameters
    ----------
    reason : str
        Why a reader needs the level.
    measure : str
        The measure of the layer, of the same kind of ablation, that is the level; empty where a dataset is the level.
    experiment, dataset : str
        The experiment, and its dataset below its group of the layer, that is the level. On an axis ``measure``, the
        entry of this measure is taken.
    over : str
        How the other axes of the dataset are reduced: ``max`` or ``mean``.
    name : str
        Name of the level, shown next to the name of the measure.
    phrase : str
        Phrase for the level, shown next to one unit's value, with a placeholder for the level.
    has_ends : bool
        Whether datasets of the same name with ``_low`` and ``_high`` hold the range by chance.
    unknown : str
        Text shown next to the value where a store does not hold the level; empty for none.
    """

    reason: str
    measure: str = ""
    experiment: str = ""
    dataset: str = ""
    over: Literal["max", "mean"] = "max"
    name: str = "by chance, 95 %"
    phrase: str = "by chance up to {} (95 %)"
    has_ends: bool = False
    unknown: str = ""


@dataclass(frozen=True, eq=False)  # compared and hashed as itself: the tables of rows are keys of a cache
class MeasureRow:
    """The description of one measure: one number per unit.

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
    kind : str
        What the measure is; see `Kind`.
    made_by : str
        The experiment that adds it; ``run`` where every run does.
    made_of : str
        What it is computed from: ``activations``; the network's ``answers`` to the images (so are drops, so the two
        share noise on the same images); or ``weights``, without any image.
    per_ablation : bool
        Whether there is one such measure for each kind of ablation.
    in_points : bool
        Whether it is a difference of accuracies, shown in percentage points. Every drop is, without this.
    of_class : str
        The measure that names the class that this one is about; empty where it is about all classes or none.
    chance : ChanceLevel or None
        Its chance level; None where readers do not need one. `SHUFFLED_LABELS` is for measures that depend on
        the labels. A level that is a number for each unit is a measure of its own, of the kind ``chance``.
    compute : callable or None
        Computes it, (unit,), from activations and labels alone. The experiment ``selectivity`` then computes it, on all
        images and on each half.
    ablation : str
        The kind of ablation that the row is for; empty for a measure that is not per ablation.
    base : str
        Its name without the kind of ablation.
    """

    name: str
    label: str
    formula: str
    source: str
    range: str
    better: Literal["higher", "lower", "neither"]
    kind: Kind = "quantity"
    made_by: str = "run"
    made_of: Literal["activations", "answers", "weights"] = "activations"
    per_ablation: bool = False
    in_points: bool = False
    of_class: str = ""
    chance: ChanceLevel | None = None
    compute: Callable[[Responses, Labels], NDArray[np.floating[Any]]] | None = None
    ablation: str = ""
    base: str = ""

    def facts(self) -> dict[str, str]:
        """Return the facts that a store keeps about the measure, next to its values."""
        return {fact: getattr(self, fact) for fact in ("label", "formula", "source", "range", "better", "kind")}


SHUFFLED_LABELS = ChanceLevel(
    "By chance alone every unit prefers some class.", experiment="selectivity", dataset="chance/ceiling"
)


def _selectivity(responses: Responses, labels: Labels) -> NDArray[np.floating[Any]]:
    return class_selectivity(class_means(responses.rate, labels.label, labels.n_classes))[0]


MORCOS = "Morcos et al. 2018, arXiv:1803.06959"
ZHOU = "Zhou et al. 2018, arXiv:1806.02891"

MEASURES: tuple[MeasureRow, ...] = (
    MeasureRow(
        "class_selectivity",
        "Class selectivity",
        "(mu_max - mu_rest) / (mu_max + mu_rest), mu: class means of the activation averaged over space",
        MORCOS,
        "0 to 1",
        "higher",
        of_class="selective_class",
        chance=SHUFFLED_LABELS,
        compute=_selectivity,
    ),
    MeasureRow("selective_class", "Preferred class", "class of mu_max", MORCOS, "class index", "neither", kind="class"),
    MeasureRow(
        "overall_drop",
        "Overall drop",
        "accuracy over all images - accuracy without the unit",
        ZHOU,
        "-1 to 1",
        "higher",
        kind="drop",
        per_ablation=True,
        made_of="answers",
    ),
    MeasureRow(
        "max_class_drop",
        "Largest class drop",
        "maximum over classes of accuracy - accuracy without the unit",
        ZHOU,
        "-1 to 1",
        "higher",
        kind="drop",
        per_ablation=True,
        made_of="answers",
        of_class="max_class_drop_class",
        chance=ChanceLevel("The largest of many drops is large by chance alone.", measure="max_class_drop_ceiling"),
    ),
    MeasureRow(
        "max_class_drop_class",
        "Class of the largest drop",
        "class on which the largest drop falls",
        ZHOU,
        "class index",
        "neither",
        kind="class",
        per_ablation=True,
        made_of="answers",
    ),
    MeasureRow(
        "l1_norm",
        "L1 norm",
        "sum of |weight| over the kernel that alone makes the unit, times |gamma| / sigma of a batch norm after it",
        "Li et al. 2017, arXiv:1608.08710",
        "0 and above",
        "neither",
        made_of="weights",
    ),
    MeasureRow("dead", "Dead", "1 where the map is zero everywhere on every image", "", "0 or 1", "lower", kind="flag"),
)
