"""Class selectivity, information, sparsity and redundancy of every unit, beside the same with shuffled labels.

All is computed from the store alone. Units are read in blocks. Only the correlations between units need a whole layer
in memory, with one number for each unit and image.
"""

from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np

from precompute.experiments.budget import fit_into_time
from precompute.experiments.protocol import Advance, Arrays, Findings, Job, Prepared
from precompute.experiments.selectivity.class_statistics import against_shuffles, by_class, described, shuffled
from precompute.measures.false_discovery import false_discovery
from precompute.measures.halves import halves
from precompute.measures.redundancy import closest_unit, n_components, redundancy, unit_correlations
from precompute.measures.responses import Labels, Responses
from precompute.store.layer import Layer

MOST_DRAWS = 1000
FEWEST_DRAWS = 100
MOST_IMAGES_AT_K = 25
SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
_TIMED_UNITS = 16
_TIMED_DRAWS = (1, 9)


@dataclass(frozen=True, eq=False)
class _Shared:
    """What all layers share: the classes of the images, and the halves that they are divided into."""

    labels: Labels
    half: np.ndarray
    seed: int


def prepare(job: Job) -> Prepared:
    """Prepare the selectivity of every layer."""
    shared = _shared(job)
    n_units = sum(layer.n_units for layer in job.layers)
    once, each = _seconds(shared, job.layers[0])
    draws, reduced = affordable(job.options.max_minutes, n_units * once, n_units * each)
    return Prepared(
        seconds=n_units * (once + draws * each),
        bytes=n_units * (4 * shared.labels.n_classes + 70) * 4,
        steps=n_units,
        unit="units",
        run=partial(_run, job, shared, draws),
        reduced=reduced,
    )


def _shared(job: Job) -> _Shared:
    label = np.asarray(job.store.images.label)
    smallest = np.bincount(label)[np.unique(label)].min()
    labels = Labels(label, len(job.store.classes), min(MOST_IMAGES_AT_K, int(smallest)))
    return _Shared(labels, halves(label, seed=job.seed), job.seed)


# What it costs


def _seconds(shared: _Shared, layer: Layer) -> tuple[float, float]:
    """Time a few units; return the seconds of one unit for all but the shuffles, and for each shuffle."""
    n_units = min(_TIMED_UNITS, layer.n_units)
    responses = _responses(layer, slice(n_units))
    _of_units(shared, responses, 1)  # the first time is slow
    took = []
    for draws in _TIMED_DRAWS:
        started = perf_counter()
        _of_units(shared, responses, draws)
        took.append((perf_counter() - started) / n_units)
    each = max(1e-9, (took[1] - took[0]) / (_TIMED_DRAWS[1] - _TIMED_DRAWS[0]))
    return took[0], each


def affordable(minutes: float, once: float, each: float) -> tuple[int, str | None]:
    """Choose how often to shuffle the labels.

    Parameters
    ----------
    minutes
        The time allowed.
    once, each
        Seconds for everything but the shuffles, and for each shuffle.

    Returns
    -------
    draws, reduced
        The number of shuffles, from `FEWEST_DRAWS` to `MOST_DRAWS`; and a sentence on what was cut, or None.
    """

    def fewer(_draws: int, _share: float) -> tuple[int, str]:
        draws = min(MOST_DRAWS, max(FEWEST_DRAWS, int((60 * minutes - once) / each)))
        return draws, (
            f"the labels are shuffled {draws} times, not {MOST_DRAWS}, so that no p-value lies below "
            f"{1 / (1 + draws):.1g}"
        )

    return fit_into_time(MOST_DRAWS, lambda draws: once + draws * each, minutes, [fewer])


# The work


def _run(job: Job, shared: _Shared, draws: int, advance: Advance) -> Findings:
    arrays: Arrays = {"half": shared.half}
    measures: dict[str, Arrays] = {}
    for layer in job.layers:
        parts = []
        for block in layer.blocks():
            parts.append(_of_units(shared, _responses(layer, block), draws))
            advance(block.stop - block.start)
        found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        found |= _between_units(shared, layer.activation(slice(None)).mean)
        measures[layer.name] = _measures(found)
        arrays |= {f"layers/{layer.name}/{name}": values for name, values in _datasets(found).items()}
    return Findings(arrays, measures)


def _responses(layer: Layer, units: slice) -> Responses:
    held = layer.activation(units)
    return Responses(held.max, held.mean, held.rate)


def _of_units(shared: _Shared, responses: Responses, draws: int) -> Arrays:
    """Return everything that can be computed for each unit by itself; the first axis is always the unit."""
    parts = [described(responses.on(shared.half == h), shared.labels.on(shared.half == h)) for h in (0, 1)]
    return {
        **described(responses, shared.labels),
        **by_class(responses, shared.labels, shared.half),
        **against_shuffles(responses, shared.labels, shared.half, draws=draws, seed=shared.seed),
        **{f"half/{name}": np.stack([part[name] for part in parts], axis=1) for name in parts[0]},
    }


def _between_units(shared: _Shared, mean: np.ndarray) -> Arrays:
    """Return what needs all units of the layer at once."""
    closest, correlation = closest_unit(unit_correlations(mean))
    parts = [redundancy(mean[:, shared.half == h]) for h in (0, 1)]
    return {
        "redundancy": redundancy(mean),
        "half/redundancy": np.stack(parts, axis=1),
        "closest_unit": closest,
        "closest_r": correlation,
        "n_components": np.array([n_components(mean, share=share) for share in SHARES]),
    }


# What goes into the store


def _measures(found: Arrays) -> Arrays:
    """Return the measures: one number per unit that a reader may choose, by the names of measures."""
    own = {name.removeprefix("half/") for name in found if name.startswith("half/")} - {"class_selectivity"}
    at = {name: column for column, name in enumerate(shuffled())}
    selectivity, bits = at["class_selectivity"], at["mutual_information"]
    return (
        {name: found[name] for name in sorted(own)}
        | {
            name: found["observed"][:, at[name]]
            for name in ("average_precision", "best_f1", "class_selectivity_held_out")
        }
        | {
            "class_selectivity_p": found["p"][:, selectivity],
            "class_selectivity_expected": found["expected"][:, selectivity],
            "mutual_information_p": found["p"][:, bits],
            "one_against_rest_class": found["auc_class"],
            "average_precision_class": found["average_precision_class"],
        }
    )


def _datasets(found: Arrays) -> Arrays:
    by_half = sorted(name for name in found if name.startswith("half/"))
    q = np.stack([false_discovery(p) for p in found["p"].T], axis=1)
    chance = {name: found[name] for name in ("observed", "expected", "ceiling", "p")} | {"q": q}
    whole = ("auc", "precision", "average_precision", "f1", "held_out_class", "closest_unit", "closest_r")
    return {
        **{name: found[name] for name in whole},
        **{f"chance/{name}": values for name, values in chance.items()},
        "chance/measure": np.array(shuffled()),
        "by_half/measure": np.array([name.removeprefix("half/") for name in by_half]),
        "by_half/value": np.stack([found[name] for name in by_half], axis=2),
        "components/share": np.array(SHARES),
        "components/n_components": found["n_components"],
    }
