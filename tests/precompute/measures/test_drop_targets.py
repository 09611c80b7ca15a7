"""Drops that measures are held against: by their definitions, and what coins make of correlations with them."""

from dataclasses import replace
from itertools import product
from math import comb, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.bootstrap import correlate
from precompute.measures.correlation import spearman
from precompute.measures.drop_targets import (
    TARGETS,
    HalvedCounts,
    chance_correlations,
    chance_correlations_across,
    drop_targets,
    targets_on_other,
)
from precompute.measures.halves import disattenuated
from precompute.measures.paired import PairedCounts
from tests.simulations import careful_correlations


@st.composite
def tallies(draw):
    """Images lost and gained of two halves of three units and three classes, one perhaps empty or set apart."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    counts = rng.choice([0, 2, 4, 5], (2, 3), p=[0.1, 0.3, 0.3, 0.3])
    parts = []
    for count in counts:
        lost = rng.integers(0, count + 1, (3, 3))
        parts.append(PairedCounts(lost, rng.integers(0, count - lost + 1), count))
    return HalvedCounts(*parts, classes=rng.random(3) < 0.8)


def slow_targets(counts, unit):
    """The four drops of one unit, class by class."""
    n = counts.one.count + counts.other.count
    change = [(p.lost[unit] - p.gained[unit]).tolist() for p in (counts.one, counts.other)]
    drops = {c: (change[0][c] + change[1][c]) / n[c] for c in range(len(n)) if n[c]}
    ways = []
    for choose, read in ((0, 1), (1, 0)):
        held = [counts.one.count, counts.other.count]
        able = [c for c in range(len(n)) if counts.classes[c] and held[0][c] and held[1][c]]
        best = max((change[choose][c] / held[choose][c] for c in able), default=None)
        first = [c for c in able if change[choose][c] / held[choose][c] == best]
        ways.append(np.mean([change[read][c] / held[read][c] for c in first]) if first else np.nan)
    largest = max(drops.values(), default=np.nan)
    return [
        sum(map(sum, change)) / n.sum() if n.sum() else np.nan,
        largest,
        np.mean(ways),
        largest - slow_expected(counts, unit),
    ]


def slow_expected(counts, unit):
    """The mean of the largest drop over all ways in which coins can fall, class by class."""
    held = [
        (int(changed), int(n))
        for changed, n in zip(
            sum(part.lost[unit] + part.gained[unit] for part in (counts.one, counts.other)),
            counts.one.count + counts.other.count,
            strict=True,
        )
        if n
    ]
    if not held:
        return np.nan
    falls = product(*(range(changed + 1) for changed, _ in held))
    return sum(
        prod(comb(changed, lost) / 2**changed for (changed, _), lost in zip(held, fall, strict=True))
        * max((2 * lost - changed) / n for (changed, n), lost in zip(held, fall, strict=True))
        for fall in falls
    )


@given(tallies())
def test_targets_follow_their_definitions(counts):
    found = drop_targets(counts, counts.expected())
    expected = np.array([slow_targets(counts, unit) for unit in range(3)]).T
    np.testing.assert_allclose(found, expected, atol=1e-12)


@given(tallies())
def test_on_the_second_half_the_first_chooses_the_class_and_nothing_else(counts):
    found = targets_on_other(counts)
    alone = replace(
        counts,
        one=replace(counts.one, lost=0 * counts.one.lost, gained=0 * counts.one.gained, count=0 * counts.one.count),
    )
    plain = drop_targets(alone, alone.expected())
    for name in ("overall_drop", "max_class_drop", "max_class_drop_excess"):
        np.testing.assert_allclose(found[TARGETS.index(name)], plain[TARGETS.index(name)], atol=1e-12)
    ways = (targets_on_other(counts)[2] + targets_on_other(counts.swapped())[2]) / 2
    np.testing.assert_allclose(drop_targets(counts, counts.expected())[2], ways, atol=1e-12)


def test_coins_keep_the_number_of_changed_images_and_have_no_side():
    rng = np.random.default_rng(0)
    counts = simulate(rng, n_units=40)
    tossed = counts.tossed(rng)
    for before, after in ((counts.one, tossed.one), (counts.other, tossed.other)):
        np.testing.assert_array_equal(after.lost + after.gained, before.lost + before.gained)
    many = np.mean([(drawn.one.lost - drawn.one.gained).sum() for drawn in (counts.tossed(rng) for _ in range(200))])
    assert abs(many) < 4 * np.sqrt((counts.one.lost + counts.one.gained).sum() / 200)


# Simulations: 80 units, 20 classes of 50 images


def simulate(rng, *, n_units=80, n_classes=20, per_half=25, true_drop=0.0):
    """Units that flip 0.2 to 4 % of all images either way, and lose a true drop on one class."""
    rate = np.exp(rng.uniform(np.log(0.002), np.log(0.04), n_units))
    hurt = np.zeros((n_units, n_classes))
    hurt[np.arange(n_units), rng.integers(0, n_classes, n_units)] = true_drop
    halves = []
    for _ in range(2):
        gained = rng.binomial(per_half, rate[:, None] / 2, (n_units, n_classes))
        lost = rng.binomial(per_half - gained, np.minimum(1, rate[:, None] / 2 + hurt))
        halves.append(PairedCounts(lost, gained, np.full(n_classes, per_half)))
    return HalvedCounts(*halves, classes=np.ones(n_classes, dtype=bool))


def changed(counts):
    both = counts.both
    return (both.lost + both.gained).sum(axis=1) / both.count.sum()


def against_chance(measure, counts, *, seed):
    """Correlation with every target, its mean by chance, and the share of chance as far from that mean."""
    drawn = chance_correlations(measure[None], counts, draws=79, seed=seed)[:, 0]
    found, middle = spearman(measure, drop_targets(counts, counts.expected())), drawn.mean(axis=0)
    return found, middle, (1 + (abs(drawn - middle) >= abs(found - middle)).sum(axis=0)) / 80


def test_where_all_flips_are_coins_a_measure_of_activity_seems_to_predict_the_largest_drop_and_chance_says_so():
    rng = np.random.default_rng(1)
    results = []
    for seed in range(50):
        counts = simulate(rng)
        activity = np.log(changed(counts) + 1e-3) + 0.3 * rng.normal(size=80)
        results.append([values[1] for values in against_chance(activity, counts, seed=seed)])
    found, expected, p = np.array(results).T
    assert found.mean() > 0.6
    assert expected.mean() == pytest.approx(found.mean(), abs=0.03)
    assert np.mean(p <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 50)


def test_with_the_flip_rate_held_fixed_nothing_of_it_is_left():
    rng = np.random.default_rng(2)
    covered = []
    for seed in range(40):
        counts = simulate(rng)
        activity = np.log(changed(counts) + 1e-3) + 0.3 * rng.normal(size=80)
        target = drop_targets(counts, counts.expected())[1]
        partial = correlate(activity[None], target, changed(counts)[None], draws=200, seed=seed)
        covered.append(partial.low[0] <= 0 <= partial.high[0])
    assert np.mean(covered) >= 0.85


def test_what_is_held_out_or_above_chance_hardly_goes_with_the_flip_rate_where_all_flips_are_coins():
    rng = np.random.default_rng(3)
    found = []
    for _ in range(30):
        counts = simulate(rng)
        drops = drop_targets(counts, counts.expected())
        found.append(spearman(changed(counts), drops[[0, 2, 3]]))
    # Not quite zero: rare large drops rank no higher than common ones, while their mean is that of coins.
    assert np.abs(np.mean(found, axis=0)).max() < 0.12


def test_a_measure_of_true_drops_is_told_from_chance():
    rng = np.random.default_rng(4)
    called = []
    for seed in range(20):
        true = rng.choice([0.0, 0.16], 80)
        counts = simulate(rng, true_drop=true)
        called.append(against_chance(true + 0.05 * rng.normal(size=80), counts, seed=seed)[2][1:])
    assert (np.array(called) <= 0.05).mean(axis=0).min() > 0.9


def test_halves_and_their_agreement_give_back_the_correlation_without_noise():
    rng = np.random.default_rng(5)
    estimates, seen = [], []
    for _ in range(60):
        latent = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], 300).T
        # Errors of measure and drop go together on the same images, as they do where both are made of its answers.
        shared = rng.normal(size=(2, 300))
        measure, drop = (latent[i] + 0.8 * shared + 0.6 * rng.normal(size=(2, 300)) for i in (0, 1))
        disjoint = (spearman(measure[0], drop[1]) + spearman(measure[1], drop[0])) / 2
        estimates.append(disattenuated(disjoint, spearman(*measure), spearman(*drop)))
        seen.append((disjoint, spearman(measure.mean(axis=0), drop.mean(axis=0))))
    disjoint, same = np.mean(seen, axis=0)
    assert disjoint < 0.4 < 0.55 < same
    truth = 6 / np.pi * np.arcsin(0.6 / 2)
    assert np.mean(estimates) == pytest.approx(truth, abs=0.03)


def test_chance_correlations_are_rank_correlations_of_the_units_that_have_the_measure():
    rng = np.random.default_rng(6)
    counts = simulate(rng, n_units=12)
    measure = rng.normal(size=12)
    measure[:3] = np.nan
    found = chance_correlations(np.stack([measure, np.ones(12)]), counts, draws=2, seed=9)
    again = np.random.default_rng(9)
    for draw in found:
        drops = drop_targets(counts.tossed(again), counts.expected())
        expected = [stats.spearmanr(measure[3:], drop[3:]).statistic for drop in drops]
        np.testing.assert_allclose(draw[0], expected, atol=1e-12)
        assert np.isnan(draw[1]).all()


def test_with_controls_coins_give_the_partial_correlation_of_the_drops_that_they_make():
    rng = np.random.default_rng(2)
    apart, counts = careful_correlations.one_layer(rng, 12)
    controls = np.stack([(counts.both.lost + counts.both.gained).sum(axis=1), rng.random(12)])
    measure = np.where(np.arange(12) == 3, np.nan, apart)[None]
    drawn = chance_correlations(measure, counts, controls, draws=3, seed=5)
    again, expected = np.random.default_rng(5), counts.expected()
    for found in drawn:
        drops = drop_targets(counts.tossed(again), expected)
        wanted = [correlate(measure, drop, controls, draws=1).r[0] for drop in drops]
        np.testing.assert_allclose(found[0], wanted, atol=1e-9)


def test_on_different_images_coins_are_tossed_on_either_half():
    apart, counts = careful_correlations.one_layer(np.random.default_rng(3), 12)
    halves = np.stack([apart, apart[::-1]])[:, None]
    drawn = chance_correlations_across(halves, counts, draws=2, seed=6)
    again = np.random.default_rng(6)
    for found in drawn:
        tossed = counts.tossed(again)
        on = targets_on_other(tossed.swapped()), targets_on_other(tossed)
        wanted = (
            stats.spearmanr(apart, on[1].T).statistic[0, 1:] + stats.spearmanr(apart[::-1], on[0].T).statistic[0, 1:]
        ) / 2
        np.testing.assert_allclose(found[0], wanted, atol=1e-9)


def test_zero_is_not_what_coins_give_the_drop_above_chance_though_the_flip_rate_is_held_fixed():
    """Intervals that leave out zero told a third of such layers from chance, also on different images."""
    rng = np.random.default_rng(0)
    apart, counts = careful_correlations.one_layer(rng, 256)
    controls = np.stack([(counts.both.lost + counts.both.gained).sum(axis=1), rng.random(256)])
    above = TARGETS.index("max_class_drop_excess")
    fixed = chance_correlations(apart[None], counts, controls, draws=40).mean(axis=(0, 1))
    across = chance_correlations_across(np.stack([apart, apart])[:, None], counts, draws=40).mean(axis=(0, 1))
    assert fixed[above] < -0.05
    assert across[above] < -0.03
    assert abs(fixed[TARGETS.index("overall_drop")]) < 0.04
