"""Which measures of a unit go with what its ablation costs: from the measures of a store alone."""

import numpy as np

from precompute.experiments.job import Advance, Arrays, Findings, Job, Prepared
from precompute.measures.correlation import Correlation, correlate
from precompute.measures.table import is_index_valued, rows_for
from precompute.store.layer import Layer

_DRAWS = 1000
# One bootstrap of two measures, for each unit: ranks are what takes time.
_SECONDS_A_UNIT = 3e-4


def prepare(job: Job) -> Prepared:
    """Make the correlations of every layer and kind of ablation ready; see `precompute.experiments.table`."""
    ablated = [(layer, kind) for layer in job.layers for kind in layer.ablations if _targets(layer, kind)]
    rows = [(layer, kind, measure) for layer, kind in ablated for measure in _measures(layer)]

    def run(advance: Advance) -> Findings:
        arrays: Arrays = {}
        for layer, kind in ablated:
            base = f"layers/{layer.name}/ablation/{kind}"
            found = _correlated(layer, _targets(layer, kind), job.seed, advance)
            arrays |= {f"{base}/{name}": values for name, values in found.items()}
        return Findings(arrays)

    seconds = sum(4 * layer.n_units * _SECONDS_A_UNIT for layer, _, _ in rows)
    return Prepared(seconds, len(rows) * 2 * 7 * 4, len(rows), "measures", run)


def _targets(layer: Layer, kind: str) -> list[str]:
    """Names of the drops that measures are held against, as far as the layer has them."""
    return [row.name for row in rows_for(kind) if not is_index_valued(row.name) and row.name in layer.measures]


def _measures(layer: Layer) -> list[str]:
    """Names of the measures that are numbers; `dead` is the same for all units that are compared."""
    return [name for name in layer.measures if not is_index_valued(name) and name != "dead"]


def _correlated(layer: Layer, targets: list[str], seed: int, advance: Advance) -> Arrays:
    names = _measures(layer)
    alive = _alive(layer)
    arrays: Arrays = {"measure": np.array(names), "target": np.array(targets)}
    found: dict[str, list[list[Correlation]]] = {"pearson": [], "spearman": []}
    for name in names:
        for way, table in found.items():
            pairs = [[layer.measures[each].values[alive] for each in (name, target)] for target in targets]
            table.append([correlate(pair, ranks=way == "spearman", draws=_DRAWS, seed=seed) for pair in pairs])
        advance(1)
    arrays["n_units"] = np.array([[cell.n_units for cell in row] for row in found["pearson"]])
    for way, table in found.items():
        arrays[way] = np.array([[cell.r for cell in row] for row in table])
        arrays[f"{way}_low"] = np.array([[cell.low for cell in row] for row in table])
        arrays[f"{way}_high"] = np.array([[cell.high for cell in row] for row in table])
    return arrays


def _alive(layer: Layer) -> np.ndarray:
    """Which units are not dead, (unit,): the others have no drop and no selectivity to compare."""
    if "dead" in layer.measures:
        return np.asarray(layer.measures["dead"].values == 0)
    responses = (layer.activation(unit) for unit in range(layer.n_units))
    return np.array([bool(found.max.any() or found.mean.any()) for found in responses])
