"""The measures of a layer that a reader can choose from, in order: those of the run, then those of experiments."""

import numpy as np

from precompute.measures.table import ROWS, find, measure_name
from precompute.store.experiments import registry
from precompute.store.reader import Layer, Measure

_MAIN = (
    "quoted_drop",
    "quoted_drop_class",
    "quoted_drop_low",
    "quoted_drop_high",
    "max_class_drop_q",
    "selective_class",
    "class_selectivity",
    "max_class_drop",
    "max_class_drop_ceiling",
    "max_class_drop_class",
    "overall_drop",
    "overall_drop_q",
    "l1_norm",
    "dead",
)


def in_order(layer: Layer) -> list[Measure]:
    """Return the measures that have a value for some unit, in the order in which they are offered."""
    return sorted(filter(is_defined, layer.measures.values()), key=_place)


def axes_of(layer: Layer) -> list[str]:
    """Return the names of the measures that can be an axis: quantities, not classes or concepts."""
    return [measure.name for measure in in_order(layer) if is_quantity(measure)]


def column_sets(layer: Layer) -> dict[str, list[str]]:
    """Return the choices of columns for a table of units, by their words in the URL.

    ``main`` is what a reader needs first, then come the measures of each experiment, and ``all`` is everything. A layer
    without measures of experiments has only ``all``.
    """
    measures = in_order(layer)
    everything = {"all": [measure.name for measure in measures]}
    added: dict[str, list[str]] = {}
    for measure in measures:
        if measure.experiment:
            added.setdefault(measure.experiment, []).append(measure.name)
    kind = (*layer.ablations, "zero")[0]
    wanted = [measure_name(name, kind) for name in _MAIN]
    main = [name for name in wanted if name in everything["all"]]
    return {"main": main, **added, **everything} if added else everything


def is_defined(measure: Measure) -> bool:
    """Whether any unit has a value. In sums and concatenations, for example, no unit has a kernel and so an L1 norm."""
    return not np.isnan(measure.values).all()


def is_quantity(measure: Measure) -> bool:
    """Whether it is a quantity, which can be larger or smaller: not a class, a concept, or a yes or no."""
    return not measure.is_index and measure.kind != "flag"


def _place(measure: Measure) -> tuple[int, int, str]:
    row, order = find(measure.name), [row.name for row in ROWS]
    base = measure.name if row is None else row.base
    added = [*registry.NAMES, measure.experiment].index(measure.experiment) if measure.experiment else -1
    return added, [*order, base].index(base), measure.name
