"""Correlations against scipy and least squares, intervals against simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from precompute.measures.correlation import correlate, pearson, spearman

rows = hnp.arrays(
    np.float64, st.tuples(st.just(2), st.integers(0, 9)), elements=st.sampled_from([-2, 0, 0.5, 1, np.nan])
)


def slow_pearson(x, y):
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if a == a and b == b]
    if len(pairs) < 3:
        return math.nan
    mx, my = (math.fsum(side) / len(pairs) for side in zip(*pairs, strict=True))
    sxx, syy = math.fsum((a - mx) ** 2 for a, _ in pairs), math.fsum((b - my) ** 2 for _, b in pairs)
    if min(sxx, syy) < 1e-20:
        return math.nan
    return math.fsum((a - mx) * (b - my) for a, b in pairs) / math.sqrt(sxx * syy)


@given(rows)
def test_pearson_follows_the_definition(case):
    assert pearson(*case) == pytest.approx(slow_pearson(*case.tolist()), abs=1e-12, nan_ok=True)


@given(rows)
def test_spearman_is_pearson_of_the_ranks_of_whole_pairs(case):
    whole = case[:, ~np.isnan(case).any(axis=0)]
    expected = slow_pearson(*(stats.rankdata(row).tolist() for row in whole))
    assert spearman(*case) == pytest.approx(expected, abs=1e-12, nan_ok=True)


def test_rows_are_correlated_one_by_one():
    x, y = np.random.default_rng(0).normal(size=(2, 3, 20))
    for found, by_scipy in ((pearson(x, y), stats.pearsonr), (spearman(x, y), stats.spearmanr)):
        np.testing.assert_allclose(found, [by_scipy(a, b).statistic for a, b in zip(x, y, strict=True)], rtol=1e-12)


@given(st.floats(1e-3, 1e3), st.integers(3, 40))
def test_what_does_not_vary_has_no_correlation(value, n):
    flat, ramp = np.full(n, value), np.arange(n) / 3
    assert np.isnan(pearson(flat, ramp))
    assert np.isnan(spearman(ramp, flat))
    found = correlate([flat, ramp], draws=5)
    assert np.isnan([found.r, found.low, found.high]).all()


@pytest.mark.parametrize("ranks", [True, False])
def test_partial_correlation_is_that_of_what_the_controls_leave(ranks):
    rng = np.random.default_rng(0)
    controls = rng.normal(size=(2, 60))
    x, y = controls[0] + rng.exponential(size=(2, 60))
    seen = [stats.rankdata(row) if ranks else row for row in (x, y, *controls)]
    design = np.column_stack([np.ones(60), *seen[2:]])
    left = [row - design @ np.linalg.lstsq(design, row, rcond=None)[0] for row in seen[:2]]
    found = correlate([x, y, *controls], ranks=ranks, draws=10)
    assert found.r == pytest.approx(stats.pearsonr(*left).statistic, rel=1e-9)


def test_a_common_cause_is_taken_out():
    rng = np.random.default_rng(1)
    cause = rng.normal(size=400)
    x, y = cause + 0.4 * rng.normal(size=(2, 400))
    assert correlate([x, y], draws=50).low > 0.7
    partial = correlate([x, y, cause], draws=400)
    assert partial.low < 0 < partial.high


def test_a_measure_that_the_controls_explain_has_no_partial_correlation():
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    assert np.isnan(correlate([x, y, 2 * x + 1], ranks=False, draws=5).r)
    # A control given twice says no more than once.
    once, twice = (correlate([x, y, *[x + y**2] * times], draws=5).r for times in (1, 2))
    assert once == pytest.approx(twice)


def test_units_that_lack_a_measure_are_left_out():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 30))
    x[:5] = np.nan
    found = correlate([x, y], ranks=False, draws=20)
    assert found.n_units == 25
    assert found.r == pytest.approx(stats.pearsonr(x[5:], y[5:]).statistic)
    assert np.isnan(correlate([x[:7], y[:7]]).r)


def test_same_seed_same_interval_and_blocks_do_not_show(monkeypatch):
    x, y = np.random.default_rng(0).normal(size=(2, 30))
    whole = correlate([x, y], draws=50, seed=2)
    assert whole == correlate([x, y], draws=50, seed=2)
    assert whole != correlate([x, y], draws=50, seed=3)
    monkeypatch.setattr("precompute.measures.correlation._BLOCK", 60 * 7)
    assert whole == correlate([x, y], draws=50, seed=2)


@pytest.mark.parametrize("ranks", [True, False])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(ranks):
    rng = np.random.default_rng(0)
    truth = 6 / np.pi * np.arcsin(0.5 / 2) if ranks else 0.5
    covered = []
    for seed in range(200):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], 80).T
        found = correlate([x, y], ranks=ranks, draws=300, seed=seed)
        assert found.low <= found.r <= found.high
        covered.append(found.low <= truth <= found.high)
    assert 0.89 <= np.mean(covered) <= 0.99
