"""What is read off ablation curves, against loops over steps."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from precompute.measures.curves import area, steepest_fall, steps_to_half, window_steps, withstood

levels = st.sampled_from([0, 0.125, 0.25, 0.5, 0.75, 1.0])
curves = hnp.arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(2, 30)), elements=levels)


@given(curves, st.randoms(use_true_random=False))
def test_the_area_is_that_of_trapezoids_over_the_share_removed(curve, random):
    n_removed = [0, *sorted(random.sample(range(1, 100), curve.shape[1] - 1))]
    pieces = list(zip(itertools.pairwise(n_removed), itertools.pairwise(curve.T.tolist()), strict=True))
    for row, found in enumerate(area(curve, np.array(n_removed))):
        expected = sum((b - a) * (p[row] + q[row]) / 2 for (a, b), (p, q) in pieces) / n_removed[-1]
        assert found == pytest.approx(expected)


@given(curves, st.sampled_from([0, 0.5]))
def test_half_is_reached_at_the_first_step_at_or_below_it(curve, chance):
    found = steps_to_half(curve, chance=chance)
    for row, steps in zip(curve.tolist(), found.tolist(), strict=True):
        reached = [k for k, value in enumerate(row) if row[0] > chance and value - chance <= (row[0] - chance) / 2]
        np.testing.assert_equal(steps, reached[0] if reached else math.nan)
        assert steps != 0


@given(curves, st.sampled_from([0.01, 0.05, 0.3, 1]))
def test_the_steepest_fall_is_the_largest_within_any_window(curve, window):
    fall, start = steepest_fall(curve, window=window)
    n_units = curve.shape[1] - 1
    width = window_steps(n_units, window)
    assert 1 <= width <= n_units
    for row, its_fall, its_start in zip(curve.tolist(), fall, start, strict=True):
        falls = [row[k] - row[k + width] for k in range(n_units - width + 1)]
        assert its_fall == max(falls)
        assert its_start == falls.index(max(falls))


def test_a_step_of_a_curve_is_found_where_it_is():
    curve = np.r_[np.full(61, 0.9), np.full(40, 0.1)]
    fall, start = steepest_fall(curve)
    assert fall == pytest.approx(0.8)
    assert start <= 60 < start + window_steps(100)
    assert steps_to_half(curve) == 61
    assert window_steps(100) == 5


def slow_withstood(removed, agreement, floor):
    for k, value in enumerate(agreement):
        if value < floor:
            if k == 0:
                return removed[0]
            share = (agreement[k - 1] - floor) / (agreement[k - 1] - value)
            return removed[k - 1] + share * (removed[k] - removed[k - 1])
    return removed[-1]


@given(curves)
def test_what_is_withstood_is_interpolated_at_the_first_crossing(agreement):
    removed = np.linspace(0, 1, agreement.shape[1])
    expected = [slow_withstood(removed.tolist(), row, 0.6) for row in agreement.tolist()]
    np.testing.assert_allclose(withstood(removed, agreement, floor=0.6), expected, atol=1e-12)


def test_a_layer_that_withstands_everything_and_one_that_withstands_nothing():
    removed = np.linspace(0, 1, 5)
    assert withstood(removed, np.ones(5)) == 1
    assert withstood(removed, np.full(5, 0.8)) == 1
    assert withstood(removed, np.zeros(5)) == 0
    assert withstood(removed, np.array([1, 0.9, 0.7, 0.9, 0])) == pytest.approx(0.375)
