"""Short verdicts on the loss of every unit of a layer, so that all pages say the same about a unit."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.drop_test import CALLED, base_of, statistics_of
from explorer.format import isolated
from precompute.measures.table import measure_name
from precompute.store.reader import Layer, Store

Floats = NDArray[np.floating[Any]]


_NOTHING = "no class loses"


@dataclass(frozen=True)
class Verdict:
    """The verdict on one unit: a verb, the text after it, and whether a test tells the loss from chance."""

    verb: str
    text: str
    told: bool


@dataclass(frozen=True, eq=False)
class LayerVerdicts:
    """Tests of the units of a layer, (unit,) each; ``named`` is (unit, 3), the classes one of which loses most.

    Where the store holds no statistics, ``q`` is None and ``named`` is the class of the largest drop.
    """

    titles: tuple[str, ...]
    named: Floats
    drop: Floats
    q: Floats | None = None
    p: Floats | None = None
    overall_q: Floats | None = None
    overall_drop: Floats | None = None

    def of(self, unit: int) -> Verdict:
        """Return the verdict on one unit."""
        names = [isolated(self.titles[int(index)]) for index in self.named[unit] if not np.isnan(index)]
        if self.q is None:
            lost = bool(names) and self.drop[unit] > 0
            verb, text = ("breaks", f"{names[0]} (untested)") if lost else ("", _NOTHING)
            return Verdict(verb, text, told=False)
        if self.q[unit] <= CALLED:
            return Verdict("breaks", " or ".join(names) or "some class, not settled which", told=True)
        if self.is_general(unit):
            return Verdict("", "all classes together lose", told=True)
        return Verdict("", "loss within chance" if self.drop[unit] > 0 else _NOTHING, told=False)

    def needed_by(self, label: int) -> NDArray[np.bool_]:
        """Say which units a class needs, (unit,): a test tells the loss from chance, and names the class."""
        if self.q is None:
            return np.zeros(len(self.drop), dtype=bool)
        return np.asarray((self.q <= CALLED) & (self.named == label).any(axis=1))

    def is_general(self, unit: int) -> bool:
        """Whether all classes together lose more without it than chance explains."""
        if self.overall_q is None or self.overall_drop is None:
            return False
        return bool(self.overall_q[unit] <= CALLED and self.overall_drop[unit] > 0)

    def by_certainty(self) -> list[int]:
        """Return the units that some class needs for certain, the surest first."""
        if self.q is None or self.p is None:
            return []
        order = np.lexsort((-self.drop, self.p))
        return [int(unit) for unit in order if self.q[unit] <= CALLED]


def verdicts_of(store: Store, layer: Layer, ablation: str) -> LayerVerdicts:
    """Return the verdicts on the units of a layer under a kind of ablation."""
    unknown = np.full(layer.n_units, np.nan)
    drop, worst = (
        layer.measures[name].values if name in layer.measures else unknown
        for name in (measure_name("max_class_drop", ablation), measure_name("max_class_drop_class", ablation))
    )
    found, base = statistics_of(store, layer.name, ablation), base_of(layer.name, ablation)
    if found is None:
        return LayerVerdicts(store.classes.title, worst[:, None], drop)
    overall = layer.measures.get(measure_name("overall_drop", ablation))
    return LayerVerdicts(
        titles=store.classes.title,
        named=found[f"{base}/named_class"],
        drop=found[f"{base}/max_drop"],
        q=found[f"{base}/max_drop_q"],
        p=found[f"{base}/max_drop_p"],
        overall_q=found[f"{base}/overall_q"],
        overall_drop=None if overall is None else overall.values,
    )
