"""Intervals over repetitions, against scipy and against repeating."""

import numpy as np
import pytest
from scipy import stats

from precompute.measures.seeds import further_margin, seed_interval, t_quantile


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 9, 30, 200])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.975, 0.995])
def test_quantiles_are_students(share, freedom):
    np.testing.assert_allclose(t_quantile(share, freedom), stats.t.ppf(share, freedom), rtol=1e-4, atol=1e-6)


def test_intervals_hold_the_truth_as_often_as_they_say():
    values = np.random.default_rng(0).normal(3, 2, (4000, 5))
    mean, low, high = seed_interval(values)
    np.testing.assert_array_equal(mean, values.mean(axis=1))
    assert 0.94 < ((low <= 3) & (high >= 3)).mean() < 0.96


def test_one_more_repetition_lies_within_its_margin_as_often_as_it_says():
    values = np.random.default_rng(1).normal(3, 2, (4000, 6))
    held = np.abs(values[:, 5] - values[:, :5].mean(axis=1)) <= further_margin(values[:, :5])
    assert 0.94 < held.mean() < 0.96
    _, low, high = seed_interval(values[:, :5])
    assert ((low > values[:, 5]) | (high < values[:, 5])).mean() > 0.3  # what the interval of the mean would say
    assert np.isnan(further_margin(values[:, :1])).all()


def test_one_repetition_has_no_interval():
    mean, low, high = seed_interval(np.array([[2.0], [3.0]]))
    assert mean.tolist() == [2, 3]
    assert np.isnan([low, high]).all()
