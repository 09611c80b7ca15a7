"""Correlations against scipy and their definitions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from precompute.measures.correlation import pearson, spearman

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
