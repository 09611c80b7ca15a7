"""Correlations of many measures at once against scipy, intervals against resampling and simulation."""

from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.bootstrap import FEWEST_RESAMPLED, correlate, correlate_across, correlate_grouped


def one(x, y, *controls, **options):
    """Correlate two rows; return r, low, high and the number of units."""
    found = correlate(np.array([x]), np.asarray(y), np.array(controls) if controls else None, **options)
    return astuple(found.of(0))


def drawn_one_by_one(x, y, *, ranks, draws, seed):
    """Correlations in resamples, drawn unit by unit, by scipy."""
    rng = np.random.default_rng(seed)
    by_scipy = stats.spearmanr if ranks else stats.pearsonr
    picks = [rng.integers(0, len(x), len(x)) for _ in range(draws)]
    return np.array([by_scipy(x[pick], y[pick]).statistic for pick in picks if len(set(x[pick])) > 1])


@pytest.mark.parametrize("ranks", [True, False])
def test_every_measure_is_correlated_and_resampled_as_if_it_were_alone(ranks):
    rng = np.random.default_rng(0)
    measures = np.round(rng.normal(size=(4, 25)), 1)
    measures[1, :6] = np.nan
    measures[3] = np.nan
    target = np.round(measures[0] + rng.normal(size=25))
    target[9] = np.nan
    found = correlate(measures, target, ranks=ranks, draws=60, seed=3)
    for row, measure in enumerate(measures[:3]):
        kept = ~np.isnan(measure) & ~np.isnan(target)
        by_scipy = (stats.spearmanr if ranks else stats.pearsonr)(measure[kept], target[kept]).statistic
        assert found.r[row] == pytest.approx(by_scipy, abs=1e-12)
        drawn = drawn_one_by_one(measure[kept], target[kept], ranks=ranks, draws=60, seed=3)
        np.testing.assert_allclose([found.low[row], found.high[row]], np.quantile(drawn, [0.025, 0.975]), atol=1e-12)
        assert found.n_units[row] == kept.sum()
    assert np.isnan([found.r[3], found.low[3], found.high[3]]).all()
    assert found.n_units[3] == 0


@given(st.floats(1e-3, 1e3), st.integers(3, 40))
def test_what_does_not_vary_has_no_correlation(value, n):
    flat, ramp = np.full(n, value), np.arange(n) / 3
    for ranks in (True, False):
        assert np.isnan(one(flat, ramp, draws=5, ranks=ranks)[:3]).all()
        assert np.isnan(one(ramp, flat, draws=5, ranks=ranks)[:3]).all()


@pytest.mark.parametrize("ranks", [True, False])
def test_partial_correlation_is_that_of_what_the_controls_leave(ranks):
    rng = np.random.default_rng(0)
    controls = rng.normal(size=(2, 60))
    x, y = controls[0] + rng.exponential(size=(2, 60))

    def left(rows):
        seen = [stats.rankdata(row) if ranks else row for row in rows]
        design = np.column_stack([np.ones(60), *seen[2:]])
        return [row - design @ np.linalg.lstsq(design, row, rcond=None)[0] for row in seen[:2]]

    rng = np.random.default_rng(7)
    picks = [rng.integers(0, 60, 60) for _ in range(20)]
    drawn = [stats.pearsonr(*left([row[pick] for row in (x, y, *controls)])).statistic for pick in picks]
    r, low, high, _ = one(x, y, *controls, ranks=ranks, draws=20, seed=7)
    assert r == pytest.approx(stats.pearsonr(*left([x, y, *controls])).statistic, rel=1e-9)
    np.testing.assert_allclose([low, high], np.quantile(drawn, [0.025, 0.975]), rtol=1e-9)


def test_a_common_cause_is_taken_out():
    rng = np.random.default_rng(1)
    cause = rng.normal(size=400)
    x, y = cause + 0.4 * rng.normal(size=(2, 400))
    assert one(x, y, draws=50)[1] > 0.7
    _, low, high, _ = one(x, y, cause, draws=400)
    assert low < 0 < high


def test_a_measure_that_the_controls_explain_has_no_partial_correlation():
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    assert np.isnan(one(x, y, 2 * x + 1, ranks=False, draws=5)[0])
    # A control given twice says no more than once.
    once, twice = (one(x, y, *[x + y**2] * times, draws=5)[0] for times in (1, 2))
    assert once == pytest.approx(twice)
    # A control that does not vary cannot be held fixed.
    assert np.isnan(one(x, y, np.ones(30), draws=5)[0])


def test_few_units_have_no_correlation():
    x, y, z = np.random.default_rng(0).normal(size=(3, 30))
    assert np.isnan(one(x[:2], y[:2])[0])
    assert np.isnan(one(x[:3], y[:3], z[:3])[0])
    assert not np.isnan(one(x[:3], y[:3])[0])


def test_same_seed_same_interval_and_blocks_do_not_show(monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    whole = one(x, y, draws=50, seed=2)
    assert whole == one(x, y, draws=50, seed=2)
    assert whole != one(x, y, draws=50, seed=3)
    monkeypatch.setattr("precompute.measures.bootstrap._BLOCK", 60 * 7)
    assert whole == one(x, y, draws=50, seed=2)


@pytest.mark.parametrize("ranks", [True, False])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(ranks):
    rng = np.random.default_rng(0)
    truth = 6 / np.pi * np.arcsin(0.5 / 2) if ranks else 0.5
    covered = []
    for seed in range(200):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 80).T
        r, low, high, _ = one(x, y, ranks=ranks, draws=300, seed=seed)
        assert low <= r <= high
        covered.append(low <= truth <= high)
    assert 0.89 <= np.mean(covered) <= 0.99


@pytest.mark.parametrize("n", [3, 4, 7])
def test_the_interval_of_few_units_leaves_everything_open(n):
    x, y, z = np.random.default_rng(0).normal(size=(3, n + 1))
    assert one(x[:n], y[:n])[1:3] == (-1, 1)
    if n + 1 == FEWEST_RESAMPLED:
        assert one(x, y)[1] > -1
        assert one(x, y, z)[1:3] == (-1, 1)
    across = correlate_across(np.stack([x[:n], y[:n]])[:, None], np.stack([y[:n], x[:n]]), draws=50)
    assert (across.low[0], across.high[0]) == (-1, 1)


def test_across_halves_is_the_mean_of_both_ways_with_the_units_drawn_together():
    rng = np.random.default_rng(6)
    target = rng.normal(size=(2, 20))
    measures = target[:, None] + rng.normal(0, 0.5, (2, 3, 20))
    measures[1, 2, :4] = np.nan
    found = correlate_across(measures, target, draws=300, seed=2)
    for row in range(3):
        kept = ~np.isnan(measures[:, row]).any(axis=0)
        x, y = measures[:, row, kept], target[:, kept]
        expected = np.mean([stats.spearmanr(x[h], y[1 - h]).statistic for h in (0, 1)])
        assert found.r[row] == pytest.approx(expected)
        draws = []
        for _ in range(300):
            units = rng.integers(0, kept.sum(), kept.sum())
            draws.append(np.mean([stats.spearmanr(x[h, units], y[1 - h, units]).statistic for h in (0, 1)]))
        low, high = np.quantile(draws, [0.025, 0.975])
        assert found.low[row] == pytest.approx(low, abs=0.1)
        assert found.high[row] == pytest.approx(high, abs=0.1)
    assert found.n_units.tolist() == [20, 20, 16]
    assert np.isnan(correlate_across(measures[:, :, :2], target[:, :2]).r).all()


def test_units_that_share_a_number_are_drawn_together():
    rng, held, alone = np.random.default_rng(0), 0, 0
    for trial in range(200):
        match = rng.integers(0, 12, 48)
        one, other = rng.normal(size=12)[match] + 0.5 * rng.normal(size=48), rng.normal(size=12)[match]
        found = correlate_grouped(one, other, match, draws=200, seed=trial)
        assert found.r == pytest.approx(stats.spearmanr(one, other).statistic)
        held += found.low <= 0 <= found.high
        usual = correlate(one[None], other, draws=200, seed=trial).of(0)
        alone += usual.low <= 0 <= usual.high
    assert held / 200 > 0.85
    assert alone / 200 < 0.8


def test_few_groups_settle_nothing_and_nothing_that_varies_has_no_correlation():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 20))
    few = correlate_grouped(one, other, np.arange(20) % 7)
    assert (few.low, few.high, few.n_units) == (-1, 1, 20)
    assert np.isnan(correlate_grouped(one, np.ones(20), np.arange(20)).r)
    assert np.isnan(correlate_grouped(one[:2], other[:2], np.arange(2)).r)
    gaps = np.where(np.arange(20) < 5, np.nan, one)
    assert correlate_grouped(gaps, other, np.arange(20)).n_units == 15
