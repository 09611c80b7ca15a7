"""Mutual information against its definition, and against what is known of simulated units."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.information import information, mutual_information, quantile_bins

few = st.sampled_from([-1.5, 0.0, 0.0, 0.25, 0.5, 2.0, 3.0])
cases = st.integers(1, 20).flatmap(
    lambda n: st.tuples(st.lists(few, min_size=n, max_size=n), st.lists(st.integers(0, 3), min_size=n, max_size=n))
)


def slow_entropy(items):
    counts = Counter(items).values()
    plain = -sum(times / len(items) * math.log2(times / len(items)) for times in counts)
    return plain + (len(counts) - 1) / (2 * len(items) * math.log(2))


def slow_information(bins, label):
    if len(set(bins)) < 2:
        return math.nan
    return slow_entropy(bins) + slow_entropy(label) - slow_entropy(list(zip(bins, label, strict=True)))


@given(cases)
def test_information_follows_the_definition(case):
    values, label = case
    bins = quantile_bins(np.array([values]), n_bins=4)
    found = mutual_information(bins, np.array(label))
    assert found[0] == pytest.approx(slow_information(bins[0].tolist(), label), abs=1e-12, nan_ok=True)


@given(cases, st.integers(1, 6))
def test_bins_keep_equals_together_rise_with_the_value_and_set_zero_apart(case, n_bins):
    values, _ = case
    bins = quantile_bins(np.array([values]), n_bins=n_bins)[0].tolist()
    pairs = list(zip(values, bins, strict=True))
    assert all((place == 0) == (value == 0) for value, place in pairs)
    assert all(0 <= place <= n_bins for place in bins)
    for value, place in pairs:
        assert all((other < value) <= (at <= place) for other, at in pairs if value and other)
        assert all(at == place for other, at in pairs if other == value)


def test_bins_hold_about_as_many_images_each():
    values = np.random.default_rng(0).exponential(size=(1, 3200))
    values[0, ::4] = 0
    assert set(np.bincount(quantile_bins(values)[0]).tolist()) == {800, 75}


def test_a_unit_that_separates_two_groups_of_classes_tells_one_bit():
    label = np.arange(4000) % 8
    values = np.where(label % 2, 5.0, 0)[None] + np.random.default_rng(0).random((1, 4000)) * (label % 2)
    assert mutual_information(quantile_bins(values), label)[0] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("n_images", "left"), [(500, 0.2), (5000, 0.004)])
def test_noise_tells_nothing_once_the_number_of_images_is_allowed_for(n_images, left):
    label = np.arange(n_images) % 10
    bins = quantile_bins(np.random.default_rng(0).random((60, n_images)))
    found = mutual_information(bins, label)
    cells = np.array([len(np.unique(row)) + 9 - len(np.unique(row * 10 + label)) for row in bins])
    uncorrected = (found - cells / (2 * n_images * math.log(2))).mean()
    assert uncorrected > 0.03
    # With two images a cell the correction is too small by far; the null of shuffled labels shows what is left.
    assert abs(found.mean()) < left < uncorrected


def test_the_null_is_at_the_stated_rate_and_a_telling_unit_is_found():
    rng = np.random.default_rng(0)
    label = np.arange(200) % 4
    noise = np.maximum(rng.normal(size=(300, 200)), 0)
    found = information(np.concatenate([noise, noise[:20] + (label == 2)]), label, n_bins=8, draws=39)
    assert np.mean(found.p[:300] <= 0.05) == pytest.approx(0.05, abs=0.04)
    assert (found.p[300:] == 1 / 40).all()


def test_units_that_do_not_vary_have_no_information():
    found = mutual_information(quantile_bins(np.array([[0.0, 0, 0], [2, 2, 2], [0, 0, 1]])), np.array([0, 1, 1]))
    np.testing.assert_array_equal(np.isnan(found), [True, True, False])
    assert np.isnan(mutual_information(np.zeros((2, 0), dtype=int), np.zeros(0, dtype=int))).all()


@given(cases)
def test_the_names_of_the_classes_do_not_matter(case):
    values, label = case
    bins = quantile_bins(np.array([values]))
    label = np.array(label)
    np.testing.assert_allclose(mutual_information(bins, 7 * (4 - label)), mutual_information(bins, label), atol=1e-12)
