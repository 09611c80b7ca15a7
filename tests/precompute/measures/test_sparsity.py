"""How rarely units are active, against loops."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from precompute.measures.sparsity import hoyer, lifetime_sparsity, silent_fraction, zero_fraction

maps = hnp.arrays(np.float32, st.tuples(*[st.integers(1, 3)] * 4), elements=st.sampled_from([0, 0, -0.0, 0.5, 2]))
rates = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 3), st.integers(1, 9)), elements=st.sampled_from([0, 0, 1, 2.5, 40])
)


def slow_hoyer(row):
    length, total, root = math.sqrt(sum(v * v for v in row)), sum(abs(v) for v in row), math.sqrt(len(row))
    return (root - total / length) / (root - 1) if length and len(row) > 1 else math.nan


def slow_lifetime(row):
    n = len(row)
    squares = sum(v * v for v in row) / n
    return (1 - (sum(row) / n) ** 2 / squares) / (1 - 1 / n) if squares and n > 1 else math.nan


@given(maps)
def test_the_zero_fraction_counts_images_and_positions(activation):
    expected = [np.mean([value == 0 for value in activation[:, u].ravel()]) for u in range(activation.shape[1])]
    np.testing.assert_allclose(zero_fraction(activation), expected)


@given(maps)
def test_the_silent_fraction_counts_whole_maps_and_is_never_above_the_zero_fraction(activation):
    found = silent_fraction(activation.max(axis=(2, 3)).T, activation.mean(axis=(2, 3)).T)
    expected = [np.mean([not image.any() for image in activation[:, u]]) for u in range(activation.shape[1])]
    np.testing.assert_allclose(found, expected)
    assert (found <= zero_fraction(activation) + 1e-12).all()


def test_a_map_that_only_goes_below_zero_is_not_silent():
    assert silent_fraction(np.array([[0.0, 0]]), np.array([[-0.5, 0]])).tolist() == [0.5]


@given(rates)
def test_sparsities_follow_their_definitions(activation):
    np.testing.assert_allclose(hoyer(activation), [slow_hoyer(row) for row in activation.tolist()], atol=1e-9)
    np.testing.assert_allclose(
        lifetime_sparsity(activation), [slow_lifetime(row) for row in activation.tolist()], atol=1e-9
    )


@pytest.mark.parametrize("sparsity", [hoyer, lifetime_sparsity])
def test_sparsity_runs_from_always_the_same_to_a_single_image(sparsity):
    assert sparsity(np.array([[0.1] * 7, [0] * 6 + [3], [0] * 7]))[:2] == pytest.approx([0, 1], abs=1e-12)
    assert np.isnan(sparsity(np.zeros((1, 7)))[0])
    assert np.isnan(sparsity(np.ones((1, 1)))[0])


@pytest.mark.parametrize("sparsity", [hoyer, lifetime_sparsity])
@given(activation=rates, exponent=st.integers(-180, 20))
def test_sparsity_does_not_depend_on_scale(sparsity, activation, exponent):
    found = sparsity(activation * 10.0**exponent)
    np.testing.assert_allclose(found, sparsity(activation), atol=1e-9)
    assert ((found >= 0) & (found <= 1) | np.isnan(found)).all()


def test_lifetime_sparsity_of_what_goes_below_zero_is_refused():
    with pytest.raises(ValueError, match="nowhere below zero"):
        lifetime_sparsity(np.array([[1.0, -1]]))


def test_without_images_there_are_no_fractions():
    assert np.isnan(zero_fraction(np.zeros((0, 2, 3, 3)))).all()
    assert np.isnan(silent_fraction(np.zeros((2, 0)), np.zeros((2, 0)))).all()
