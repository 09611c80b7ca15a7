"""Redundant units, against correlating every two of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.redundancy import closest_unit, n_components, redundancy, unit_correlations


def draw(seed, n_units=6, n_images=12):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_units, 3)) @ rng.normal(size=(3, n_images)) + rng.normal(size=(n_units, n_images))


@given(st.integers(0, 60), st.sampled_from([0.3, 0.5, 0.9]))
def test_redundancy_counts_the_other_units_that_correlate(seed, threshold):
    activation = draw(seed)
    found = redundancy(activation, threshold=threshold)
    for unit, row in enumerate(activation):
        others = [stats.pearsonr(row, other).statistic for i, other in enumerate(activation) if i != unit]
        assert found[unit] == sum(abs(r) >= threshold for r in others)


def test_correlations_are_pearsons():
    activation = draw(0)
    np.testing.assert_allclose(unit_correlations(activation), np.corrcoef(activation), atol=1e-12)


def test_copies_and_mirror_images_are_redundant_and_dead_units_have_none():
    activation = draw(1, n_units=1)
    table = np.concatenate([activation, 3 * activation + 1, -activation, np.zeros((1, 12)), np.full((1, 12), 0.1)])
    np.testing.assert_array_equal(redundancy(table), [2, 2, 2, np.nan, np.nan])


@pytest.mark.parametrize("n_images", [0, 1])
@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_of_one_image_or_none_nothing_is_said(n_images):
    activation = draw(0)[:, :n_images]
    assert np.isnan(redundancy(activation)).all()
    assert np.isnan(unit_correlations(activation)).all()
    assert n_components(activation) == 0


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_a_layer_of_few_sources_has_as_many_components(rank):
    rng = np.random.default_rng(0)
    sources = np.linalg.qr(rng.normal(size=(200, rank)) - 0)[0].T
    sources = np.linalg.qr((sources - sources.mean(axis=1, keepdims=True)).T)[0].T
    mixing = np.linalg.qr(rng.normal(size=(20, rank)))[0]
    layer = mixing @ sources
    assert n_components(layer, share=1) == rank
    assert n_components(layer, share=1 / rank) == 1
    assert n_components(np.ones((3, 9))) == 0


@given(st.integers(0, 30), st.sampled_from([0.5, 0.95]))
def test_components_are_those_of_the_singular_values(seed, share):
    activation = draw(seed)
    away = activation - activation.mean(axis=1, keepdims=True)
    held = np.linalg.svd(away, compute_uv=False) ** 2
    assert n_components(activation, share=share) == 1 + int((held.cumsum() / held.sum() < share).sum())


def test_the_closest_unit_is_that_of_the_largest_correlation_either_way():
    activation = np.concatenate([draw(2), -draw(2)[:1] + 0.01 * draw(3)[:1], np.zeros((1, 12))])
    closest, correlation = closest_unit(unit_correlations(activation))
    for unit, row in enumerate(activation[:-1]):
        others = {i: stats.pearsonr(row, other).statistic for i, other in enumerate(activation[:-1]) if i != unit}
        expected = max(others, key=lambda i: abs(others[i]))
        assert closest[unit] == expected
        assert correlation[unit] == pytest.approx(others[expected])
    assert np.isnan([closest[-1], correlation[-1]]).all()
    assert np.isnan(closest_unit(unit_correlations(activation[:1]))).all()


def test_images_are_taken_in_blocks_without_a_trace(monkeypatch):
    activation = draw(5)
    whole = unit_correlations(activation), n_components(activation)
    monkeypatch.setattr("precompute.measures.redundancy._IMAGES_AT_A_TIME", 5)
    np.testing.assert_allclose(unit_correlations(activation), whole[0], atol=1e-12)
    assert n_components(activation) == whole[1]
