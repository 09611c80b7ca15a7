"""Shuffled labels: the level of their p-values, and what they leave."""

import numpy as np
import pytest

from precompute.measures.shuffles import label_shuffle_null

LABEL = np.repeat([0, 1], [20, 30])


def gap(values):
    """How much larger class 1 is than class 0, for every row."""
    return lambda label: values[:, label == 1].mean(axis=1) - values[:, label == 0].mean(axis=1)


def test_chance_alone_is_called_at_the_stated_rate():
    values = np.random.default_rng(0).normal(size=(3000, 50))
    found = label_shuffle_null(gap(values), LABEL, draws=199)
    assert np.mean(found.p <= 0.05) == pytest.approx(0.05, abs=0.012)
    assert np.mean(found.observed > found.ceiling) == pytest.approx(0.05, abs=0.012)
    assert found.expected.mean() == pytest.approx(0, abs=0.01)


def test_a_real_difference_has_the_smallest_p():
    values = np.random.default_rng(0).normal(size=(50, 50)) + 2 * LABEL
    found = label_shuffle_null(gap(values), LABEL, draws=99)
    assert (found.p == 0.01).all()


def test_p_counts_the_shuffles_that_reach_the_data_and_the_data():
    values = np.random.default_rng(1).normal(size=(4, 50))
    found = label_shuffle_null(gap(values), LABEL, draws=9, seed=5)
    rng = np.random.default_rng(5)
    drawn = np.array([gap(values)(rng.permutation(LABEL)) for _ in range(9)])
    np.testing.assert_array_equal(found.p, (1 + (drawn >= found.observed).sum(axis=0)) / 10)
    np.testing.assert_allclose(found.expected, drawn.mean(axis=0))
    np.testing.assert_allclose(found.ceiling, np.quantile(drawn, 0.95, axis=0, method="weibull"))


def test_every_shuffle_keeps_the_sizes_of_the_classes():
    sizes = []
    label_shuffle_null(lambda label: np.array(sizes.append(np.bincount(label).tolist()) or 0.0), LABEL, draws=5)
    assert sizes == [[20, 30]] * 6


def test_what_is_undefined_has_no_p_and_rounding_is_no_difference():
    values = np.full((2, 50), 0.1)
    values[1] = np.nan
    found = label_shuffle_null(gap(values), LABEL, draws=9)
    assert found.p[0] == 1
    assert np.isnan([found.p[1], found.expected[1], found.ceiling[1]]).all()


@pytest.mark.parametrize("draws", [20, 100])
def test_of_few_shuffles_too_one_case_in_twenty_lies_above_the_ceiling(draws):
    rng = np.random.default_rng(2)
    values, label = rng.normal(size=(20_000, 24)), np.repeat([0, 1], 12)
    found = label_shuffle_null(lambda labels: values @ labels, label, draws=draws)
    assert np.mean(found.observed > found.ceiling) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 20_000)
