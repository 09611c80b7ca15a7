"""What silencing a unit does to each class."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.impact import answers_of, drop_interval, impact, right_changes


def slow_impact(flips, before):
    """Walk the flips one by one."""
    lost, gained = [0] * before.n_classes, [0] * before.n_classes
    for image, prediction in zip(flips.image.tolist(), flips.prediction.tolist(), strict=True):
        was, now = before.prediction[image] == before.target[image], prediction == before.target[image]
        lost[before.label[image]] += bool(was and not now)
        gained[before.label[image]] += bool(now and not was)
    return lost, gained


def test_losses_and_gains_are_those_of_the_flips_one_by_one(full_store):
    before = answers_of(full_store)
    for layer in full_store.layers:
        for unit in range(layer.n_units):
            flips = layer.flips("zero", unit)
            found = impact(flips, before)
            lost, gained = slow_impact(flips, before)
            assert found.lost.tolist() == lost
            assert found.gained.tolist() == gained


def test_drops_are_those_that_the_store_holds(full_store):
    before = answers_of(full_store)
    for kind in ("zero", "mean"):
        layer = full_store.layer("features.10")
        for unit in range(layer.n_units):
            found = impact(layer.flips(kind, unit), before)
            np.testing.assert_allclose(found.drop, layer.ablation(kind).drop[unit], atol=1e-6)


def test_the_overall_drop_is_the_measure(full_store):
    layer = full_store.layer("features.10")
    before = answers_of(full_store)
    found = [impact(layer.flips("zero", unit), before).overall for unit in range(layer.n_units)]
    np.testing.assert_allclose(found, layer.measures["overall_drop"].values, atol=1e-6)


def test_a_flip_from_wrong_to_wrong_is_neither_lost_nor_gained(full_store):
    before = answers_of(full_store)
    flips = full_store.layer("features.10").flips("zero", 0)
    lost, gained = right_changes(flips, before)
    assert not (lost & gained).any()


def test_the_interval_is_the_formula_of_bonett_and_price():
    lost, gained, n = 7, 1, 50
    p_lost, p_gained = 8 / 52, 2 / 52
    middle = p_lost - p_gained
    margin = 1.959964 * math.sqrt((p_lost + p_gained - middle**2) / 52)
    low, high = drop_interval(np.array([lost]), np.array([gained]), np.array([n]))
    assert low[0] == pytest.approx(middle - margin)
    assert high[0] == pytest.approx(middle + margin)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
@settings(max_examples=200)
def test_the_interval_is_inside_minus_one_to_one_and_around_a_point_near_the_drop(lost, gained, same):
    n = lost + gained + same
    low, high = drop_interval(np.array([lost]), np.array([gained]), np.array([n]))
    if n == 0:
        assert np.isnan(low[0])
        assert np.isnan(high[0])
    else:
        assert -1 <= low[0] < high[0] <= 1
        assert low[0] <= (lost - gained) / (n + 2) <= high[0]


@pytest.mark.parametrize(
    ("n", "p_lost", "p_gained"), [(20, 0.1, 0.02), (50, 0.14, 0.01), (50, 0.02, 0.02), (10, 0.3, 0.1)]
)
def test_the_interval_covers_the_truth_about_as_often_as_it_says(n, p_lost, p_gained):
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(n, [p_lost, p_gained, 1 - p_lost - p_gained], size=20_000)
    low, high = drop_interval(drawn[:, 0], drawn[:, 1], np.full(len(drawn), n))
    covered = ((low <= p_lost - p_gained) & (p_lost - p_gained <= high)).mean()
    # Conservative where changes are rare, never far below 95 %.
    assert covered > 0.93


def test_few_images_leave_a_wide_interval_even_when_nothing_changes():
    low, high = drop_interval(np.array([0, 0]), np.array([0, 0]), np.array([5, 5000]))
    assert high[0] - low[0] > 0.5
    assert high[1] - low[1] < 0.01
