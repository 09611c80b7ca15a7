"""The tests of log-probability changes against every pattern of signs, against scipy and against simulation."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.log_prob_tests import less_certain, sign_flip_bound, signed_ranks, wilcoxon


@st.composite
def changes(draw):
    """A few changes, some equal and some zero, of images of one class or two."""
    n_images, n_units = draw(st.integers(1, 8)), draw(st.integers(1, 3))
    row = st.lists(st.integers(-6, 6), min_size=n_images, max_size=n_images)
    label = np.array(draw(st.lists(st.integers(0, 1), min_size=n_images, max_size=n_images)))
    return np.array([draw(row) for _ in range(n_units)]) / 8, label


def slow_wilcoxon(values):
    values = [value for value in values if value]
    ranks = stats.rankdata(np.abs(values)).tolist() if values else []
    found = sum(math.copysign(rank, value) for rank, value in zip(ranks, values, strict=True))
    sums = [sum(s * rank for s, rank in zip(signs, ranks, strict=True)) for signs in all_signs(len(ranks))]
    return sum(abs(total) >= abs(found) for total in sums) / len(sums)


def all_signs(n):
    return list(itertools.product([-1, 1], repeat=n))


@given(changes())
def test_few_images_give_the_share_of_all_sign_patterns(case):
    change, label = case
    found = wilcoxon(change, label, 3)
    assert np.isnan(found[:, 2]).all()
    for unit, c in itertools.product(range(len(change)), (0, 1)):
        values = change[unit, label == c].tolist()
        assert found[unit, c] == pytest.approx(slow_wilcoxon(values) if values else math.nan, nan_ok=True)


@given(changes())
def test_nan_is_no_change_and_the_opposite_change_is_as_sure(case):
    change, label = case
    holes = np.where(change == 0, np.nan, change)
    expected = wilcoxon(change, label, 2)
    np.testing.assert_array_equal(wilcoxon(holes, label, 2), expected)
    np.testing.assert_allclose(wilcoxon(-change, label, 2), expected, rtol=1e-12)


@pytest.mark.parametrize("n_images", [6, 25, 26, 60, 400])
def test_wilcoxon_is_that_of_scipy(n_images):
    change = np.random.default_rng(n_images).normal(-0.3, 1, (5, n_images))
    found = wilcoxon(change, np.zeros(n_images, dtype=int), 1)[:, 0]
    method = "exact" if n_images <= 25 else "approx"
    expected = stats.wilcoxon(change, axis=1, method=method, correction=True).pvalue
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_wilcoxon_with_many_equal_and_zero_changes_is_that_of_scipy():
    change = np.random.default_rng(0).integers(-3, 5, (5, 80)) / 4
    found = wilcoxon(change, np.zeros(80, dtype=int), 1)[:, 0]
    expected = stats.wilcoxon(change, axis=1, method="approx", correction=True, zero_method="wilcox").pvalue
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_past_25_changes_the_normal_curve_is_on_the_safe_side_far_out():
    change = np.arange(1.0, 41)[None]
    assert 2 / 2.0**40 < wilcoxon(change, np.zeros(40, dtype=int), 1)[0, 0] < 1e-6


def test_chance_alone_is_called_at_the_stated_rate():
    # Heavy tails, and a spread that differs from image to image, as changes of log-probability have.
    rng = np.random.default_rng(0)
    change = rng.standard_t(3, (1500, 40)) * rng.exponential(1, 40)
    found = wilcoxon(change, np.arange(40) % 2, 2)
    assert np.mean(found <= 0.05) == pytest.approx(0.05, abs=0.01)


def test_a_shift_that_flips_no_image_is_seen():
    rng = np.random.default_rng(0)
    change = rng.normal(-0.02, 0.03, (200, 50))
    assert np.mean(wilcoxon(change, np.zeros(50, dtype=int), 1) < 0.001) > 0.8


@given(st.lists(st.floats(-10, 10).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=1, max_size=10))
def test_the_bound_is_never_below_the_sign_flip_test_itself(changes):
    values = np.array(changes)
    sums = np.array(all_signs(len(values))) @ values
    exact = np.mean(sums >= values.sum() - 1e-9)
    assert sign_flip_bound(values.sum(), np.array((values**2).sum())) >= exact - 1e-12


def test_the_bound_is_about_three_times_the_normal_tail():
    assert sign_flip_bound(np.array(3.0), np.array(1.0)) == pytest.approx(3.178 * 0.0013499, rel=1e-3)


def test_no_sum_above_zero_is_no_evidence():
    np.testing.assert_array_equal(sign_flip_bound(np.array([0.0, -2.0, 0.0]), np.array([0.0, 1.0, 4.0])), [1, 1, 1])


def test_however_many_images_no_probability_is_zero():
    """All of 2,500 images less certain: z is 43, where the tail of the normal curve is too small for a float."""
    change = -np.linspace(1, 2, 2500)[None]
    p = wilcoxon(change, np.zeros(2500, dtype=int), 1)
    assert 0 < p[0, 0] < 1e-300
    assert 0 < less_certain(change.mean(axis=1, keepdims=True), np.array([[-1.0]]), p)[0][0] < 1e-300
    assert 0 < sign_flip_bound(np.array([2500.0]), np.array([2500.0]))[0] < 1e-300


def test_one_image_that_falls_far_makes_no_fall_of_many_that_rise():
    rise, fall = np.r_[np.linspace(0.01, 0.02, 39), -5.0], -np.linspace(0.01, 0.02, 40)
    change, label = np.stack([np.r_[rise, fall], np.r_[rise, rise]]), np.repeat([0, 1], 40)
    mean = np.stack([change[:, label == c].mean(axis=1) for c in (0, 1)], axis=1)
    p, lean = signed_ranks(change, label, 2)
    np.testing.assert_array_equal(p, wilcoxon(change, label, 2))
    assert (p < 1e-5).all()
    assert (mean < 0).all()
    assert np.sign(lean).tolist() == [[1, -1], [1, 1]]
    smallest, worst = less_certain(mean, lean, p)
    assert smallest[0] == 2 * p[0, 1]
    assert (worst[0], smallest[1]) == (1, 1)
    assert np.isnan(worst[1])
