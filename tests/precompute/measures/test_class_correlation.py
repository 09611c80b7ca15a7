"""Class correlation against scipy, in lots and in one go."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.class_correlation import JointMoments, shuffled_correlations, strongest_class


def draw(seed, n_units=3, n_images=40, n_classes=4):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n_images, n_classes))
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return np.maximum(rng.normal(size=(n_units, n_images)) + logits[:, 0], 0), probability


@given(st.integers(0, 50))
def test_class_correlation_is_pearsons(seed):
    activation, probability = draw(seed)
    found = JointMoments.of(activation, probability).correlation()
    for u, c in np.ndindex(found.shape):
        assert found[u, c] == pytest.approx(stats.pearsonr(activation[u], probability[:, c]).statistic, abs=1e-12)


@given(st.integers(0, 50), st.lists(st.integers(0, 40), max_size=4))
def test_lots_of_images_add_up_whatever_their_sizes(seed, cuts):
    activation, probability = draw(seed)
    activation = activation + 1e6  # far from zero, where sums of squares would lose the variation
    borders = [0, *sorted(cuts), 40]
    lots = [
        JointMoments.of(activation[:, start:stop], probability[start:stop])
        for start, stop in itertools.pairwise(borders)
    ]
    whole = lots[0]
    for lot in lots[1:]:
        whole = whole + lot
    assert whole.n_images == 40
    np.testing.assert_allclose(whole.correlation(), JointMoments.of(activation, probability).correlation(), atol=1e-8)


@pytest.mark.parametrize("value", [0, 0.1, 1e-30, 1e6])
def test_a_unit_or_a_probability_that_does_not_vary_has_no_correlation(value):
    activation, probability = draw(0)
    activation[1], probability[:, 2] = value, 0.3
    found = JointMoments.of(activation, probability).correlation()
    assert np.isnan(found[1]).all()
    assert np.isnan(found[:, 2]).all()
    assert not np.isnan(np.delete(found, 1, axis=0)[:, [0, 1, 3]]).any()


def test_few_images_have_none():
    activation, probability = draw(0)
    for n_images in (0, 1, 2):
        found = JointMoments.of(activation[:, :n_images], probability[:n_images]).correlation()
        assert np.isnan(found).all()


def test_the_strongest_class_is_the_first_of_the_largest():
    largest, strongest = strongest_class(np.array([[-0.5, -0.25, -0.25], [np.nan, 0.5, 0], [np.nan] * 3]))
    np.testing.assert_array_equal(largest, [-0.25, 0.5, np.nan])
    np.testing.assert_array_equal(strongest, [1, 1, np.nan])


def test_shuffled_images_leave_what_chance_makes_of_the_largest():
    rng = np.random.default_rng(0)
    activation, probability = rng.random((3, 40)), rng.dirichlet(np.ones(6), 40)
    activation[2] = 1.0
    found = shuffled_correlations(activation, probability, draws=400)
    assert np.isnan(found[:, 2]).all()
    for unit in (0, 1):
        drawn = []
        for _ in range(400):
            both = np.corrcoef(np.c_[rng.permutation(activation[unit]), probability].T)
            drawn.append(both[0, 1:].max())
        assert found[:, unit].mean() == pytest.approx(np.mean(drawn), abs=0.02)
        assert np.quantile(found[:, unit], 0.95) == pytest.approx(np.quantile(drawn, 0.95), abs=0.05)
