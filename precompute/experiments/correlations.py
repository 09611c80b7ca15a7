"""Correlate the measures of units with what their ablation costs, and say what chance gives; from the store alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np

from precompute.experiments.halved_measures import HalvedMeasures, halved_counts, halved_measures
from precompute.experiments.protocol import Advance, Arrays, Findings, Job, Prepared
from precompute.measures.bootstrap import Correlations, correlate, correlate_across
from precompute.measures.correlation import spearman
from precompute.measures.drop_targets import (
    TARGETS,
    HalvedCounts,
    chance_correlations,
    chance_correlations_across,
    drop_targets,
    targets_on_other,
)
from precompute.measures.drops import Answers
from precompute.measures.halves import disattenuated, halves, stepped_up
from precompute.measures.paired import FlipTable, flip_rate
from precompute.measures.table import find, measure_name
from precompute.store.answers import answers
from precompute.store.layer import Layer
from precompute.store.reader import Measure, Store

_RESAMPLES = 1000
_TOSSES = 500
_SPLITS = 10
_TIMED = 20
_STEPS = 3 * len(TARGETS) + 2


@dataclass(frozen=True, eq=False)
class _Sides:
    """The two sides of the correlations in one layer, for one kind of ablation; NaN for dead units throughout.

    ``measures`` are (measure, unit). ``targets`` are the drops, (target, unit). ``controls``, (2, unit), are the flip
    rate and the mean activity, which partial correlations hold fixed.
    """

    store: Store
    layer: Layer
    kind: str
    seed: int
    names: list[str]
    measures: np.ndarray
    targets: np.ndarray
    controls: np.ndarray
    flips: FlipTable
    counts: HalvedCounts


def prepare(job: Job) -> Prepared:
    """Prepare the correlations of every layer and kind of ablation."""
    sides = [_sides(job, layer, kind) for layer in job.layers for kind in layer.ablations]
    cells = sum(len(side.names) for side in sides) * len(TARGETS)

    def run(advance: Advance) -> Findings:
        arrays: Arrays = {}
        measures: dict[str, Arrays] = {side.layer.name: {} for side in sides}
        for side in sides:
            found = _correlated(side, advance)
            found |= _by_chance(side, found["partial"], advance) | _on_other_images(side, advance)
            base = f"layers/{side.layer.name}/ablation/{side.kind}"
            arrays |= {f"{base}/{name}": values for name, values in found.items()}
            # Every store already holds the first two as measures.
            added = {measure_name(name, side.kind): values for name, values in zip(TARGETS, side.targets, strict=True)}
            measures[side.layer.name] |= dict(list(added.items())[2:])
        return Findings(arrays, measures)

    return Prepared(
        seconds=sum(map(_seconds, sides)),
        bytes=cells * 30 * 4,
        steps=_STEPS * len(sides),
        unit="tables",
        run=run,
    )


def _sides(job: Job, layer: Layer, kind: str) -> _Sides:
    before, flips = answers(job.store), layer.flip_table(kind)
    counts = halved_counts(flips, before, halves(before.label, seed=job.seed))
    names = [name for name, held in layer.measures.items() if _is_held_against_drops(held, kind)]
    mean, alive = _activity(layer)
    rate = flip_rate(flips, len(before.label))
    return _Sides(
        store=job.store,
        layer=layer,
        kind=kind,
        seed=job.seed,
        names=names,
        measures=np.array([np.where(alive, layer.measures[name].values, np.nan) for name in names], dtype=np.float64),
        targets=np.where(alive, drop_targets(counts, counts.expected()), np.nan),
        controls=np.where(alive, np.stack([rate, mean]), np.nan),
        flips=flips,
        counts=counts,
    )


def _is_held_against_drops(measure: Measure, kind: str) -> bool:
    """Say whether a measure describes the unit, and does not belong to another kind of ablation."""
    row = find(measure.name)
    return measure.kind == "quantity" and (row is None or row.ablation in ("", kind))


def _made_of(name: str) -> str:
    row = find(name)
    return "" if row is None else row.made_of


def _activity(layer: Layer) -> tuple[np.ndarray, np.ndarray]:
    """Return each unit's mean over images and space, of its positive part, (unit,); and which units are alive, (unit,).

    A dead unit has no drop and no selectivity to compare.
    """
    mean, alive = [], []
    for held in map(layer.activation, layer.blocks()):
        mean += [row.mean(dtype=np.float64) for row in held.rate]
        alive += [held.max.any(axis=1) | held.mean.any(axis=1)]
    return np.array(mean), np.concatenate(alive)


def _seconds(sides: _Sides) -> float:
    """Estimate the seconds for one layer and kind, from some resamples of one table and some tosses of all coins."""
    for draws in (1, _TIMED):  # the first time is slow
        started = perf_counter()
        correlate(sides.measures, sides.targets[0], sides.controls, draws=draws)
        resampled = perf_counter()
        chance_correlations(sides.measures, sides.counts, draws=draws)
        tossed = perf_counter()
    _halved_drops(sides.counts)
    halved = perf_counter() - tossed
    tables = 3 * len(TARGETS) * (resampled - started) * _RESAMPLES
    # Coins are tossed three times: for all images, with controls, and on either half.
    return (tables + 3 * (tossed - resampled) * _TOSSES) / _TIMED + 2 * _SPLITS * halved


# The work. Each part returns (measure, target) arrays by name


def _correlated(sides: _Sides, advance: Advance) -> Arrays:
    """Correlate measures and drops as they stand, and with flip rate and mean activity held fixed."""
    ways: dict[str, Callable[..., Correlations]] = {
        "pearson": partial(correlate, ranks=False),
        "spearman": correlate,
        "partial": partial(correlate, controls=sides.controls),
    }
    arrays: Arrays = {
        "measure": np.array(sides.names),
        "target": np.array([measure_name(t, sides.kind) for t in TARGETS]),
    }
    for way, compute in ways.items():
        table = []
        for target in sides.targets:
            table.append(compute(sides.measures, target, draws=_RESAMPLES, seed=sides.seed))
            advance(1)
        arrays[way] = np.stack([column.r for column in table], axis=1)
        arrays[f"{way}_low"] = np.stack([column.low for column in table], axis=1)
        arrays[f"{way}_high"] = np.stack([column.high for column in table], axis=1)
        if way == "spearman":
            arrays["n_units"] = np.stack([column.n_units for column in table], axis=1)
    return arrays


def _by_chance(sides: _Sides, partial_of: np.ndarray, advance: Advance) -> Arrays:
    """Return the rank correlations that arise if a coin decides whether each changed answer is lost or gained.

    Also those with flip rate and mean activity held fixed. Zero is not their chance level: of units that change as many
    answers, those that change answers of few classes have the larger drop of a class, by coins alone.
    """
    found = np.stack([spearman(sides.measures, target) for target in sides.targets], axis=1)
    drawn = chance_correlations(sides.measures, sides.counts, draws=_TOSSES, seed=sides.seed)
    held = chance_correlations(sides.measures, sides.counts, sides.controls, draws=_TOSSES, seed=sides.seed)
    advance(1)
    return _beside_coins("chance", drawn, found) | _beside_coins("partial_chance", held, partial_of)


def _beside_coins(name: str, drawn: np.ndarray, found: np.ndarray) -> Arrays:
    """Return mean and middle 95 % of the correlations that coins give, and how many are as far from their mean."""
    nothing = np.isnan(drawn).all(axis=0)
    known = np.where(nothing, 0, drawn)
    middle, (low, high) = np.nanmean(known, axis=0), np.nanquantile(known, [0.025, 0.975], axis=0)
    as_far = (np.abs(known - middle) >= np.abs(found - middle) - 1e-12).sum(axis=0)
    p = (1 + as_far) / (1 + (~np.isnan(known)).sum(axis=0))
    chance = {"": middle, "_low": low, "_high": high, "_p": p}
    return {f"{name}{end}": np.where(nothing | np.isnan(found), np.nan, values) for end, values in chance.items()}


def _on_other_images(sides: _Sides, advance: Advance) -> Arrays:
    """Correlate measures and drops of different images, and correct for the noise of both."""
    shape = (len(sides.names), len(TARGETS))
    disjoint, corrected, ends = np.full(shape, np.nan), np.full(shape, np.nan), np.full((2, *shape), np.nan)
    corrected_ends, reliable = ends.copy(), np.full(shape[0], np.nan)
    coins = np.full((_TOSSES, *shape), np.nan)
    before = answers(sides.store)
    own = HalvedMeasures(halves(before.label, seed=sides.seed), _from_weights(sides))
    agreement = _agreement(sides, before)
    for group in (own, *halved_measures(sides.store, sides.layer)):
        counts = halved_counts(sides.flips, before, group.half)
        rows = [row for row, name in enumerate(sides.names) if name in group.values]
        if not rows:
            continue
        halved = np.stack([group.values[sides.names[row]].T for row in rows], axis=1)
        halved = np.where(np.isnan(sides.measures[rows]), np.nan, halved)
        drops = _halved_drops(counts)
        coins[:, rows] = chance_correlations_across(halved, counts, draws=_TOSSES, seed=sides.seed)
        for column in range(len(TARGETS)):
            found = correlate_across(halved, drops[:, column], draws=_RESAMPLES, seed=sides.seed)
            disjoint[rows, column], ends[:, rows, column] = found.r, (found.low, found.high)
        alike = spearman(*halved)
        corrected[rows] = disattenuated(disjoint[rows], alike[:, None], agreement)
        # The agreement of both sides is taken as exact.
        corrected_ends[:, rows] = disattenuated(ends[:, rows], alike[:, None], agreement)
        reliable[rows] = stepped_up(alike)
    advance(1)
    return {
        "disjoint": disjoint,
        **_beside_coins("disjoint_chance", coins, disjoint),
        **{f"disjoint_{end}": values for end, values in zip(("low", "high"), ends, strict=True)},
        "disattenuated": corrected,
        **{f"disattenuated_{end}": values for end, values in zip(("low", "high"), corrected_ends, strict=True)},
        "measure_reliability": reliable,
        "target_reliability": stepped_up(agreement),
        "circular": np.array([_made_of(name) == "answers" for name in sides.names], dtype=np.int32),
    }


def _halved_drops(counts: HalvedCounts) -> np.ndarray:
    """Return the drops on either half of the images, (half, target, unit)."""
    return np.stack([targets_on_other(counts.swapped()), targets_on_other(counts)])


def _from_weights(sides: _Sides) -> dict[str, np.ndarray]:
    """Return the measures of weights alone, (unit, half) each: they are exact, and the same on both halves."""
    return {
        name: np.stack([values, values], axis=1)
        for name, values in zip(sides.names, sides.measures, strict=True)
        if _made_of(name) == "weights"
    }


def _agreement(sides: _Sides, before: Answers) -> np.ndarray:
    """Correlate the drops of the two halves, (target,); NaN for the held-out drop, whose class the other half chooses.

    This is the mean over several divisions of the images, because a single one may be far off.
    """
    found = []
    for split in range(_SPLITS):
        drops = _halved_drops(halved_counts(sides.flips, before, halves(before.label, seed=sides.seed + split)))
        found.append(spearman(*np.where(np.isnan(sides.targets), np.nan, drops)))
    return np.where(np.array(TARGETS) == "max_class_drop_held_out", np.nan, np.mean(found, axis=0))
