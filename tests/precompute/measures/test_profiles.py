"""Units whose profiles are alike, against scipy and shuffles one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.paired import PairedCounts
from precompute.measures.profiles import profile_likeness, standardised
from precompute.measures.profiles_by_chance import drops_by_chance, means_by_chance, noise_by_chance
from tests.simulations.alike_by_chance import SIZES, called, found


def draw(seed, n_units=6, n_classes=9):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n_units, 3)) @ rng.normal(size=(3, n_classes)) + rng.normal(size=(n_units, n_classes))


@given(st.integers(0, 60), st.integers(0, 5))
def test_likeness_is_pearsons_correlation_over_the_classes_of_every_other_unit(seed, unit):
    profiles = draw(seed)
    found = profile_likeness(profiles, unit, draws=20)
    for other, r in enumerate(found.r):
        if other == unit:
            assert np.isnan(r)
        else:
            assert r == pytest.approx(stats.pearsonr(profiles[unit], profiles[other]).statistic)


def test_the_ceiling_is_a_quantile_of_the_largest_correlation_of_shuffled_profiles():
    profiles, rng = draw(3), np.random.default_rng(8)
    away = standardised(profiles)
    away -= np.median(away, axis=1, keepdims=True)
    squares = np.delete(away, 2, axis=0) ** 2
    spread = np.sqrt((squares.sum(axis=0) + 4 * squares.mean()) / (len(squares) + 4))
    slow = []
    for _ in range(2000):
        own = rng.permutation(away[2] / spread) * spread
        slow.append(np.corrcoef(own, np.delete(profiles, 2, axis=0))[0, 1:].max())
    assert profile_likeness(profiles, 2, draws=4000).ceiling == pytest.approx(np.quantile(slow, 0.95), abs=0.02)


def test_where_profiles_are_noise_one_unit_in_twenty_has_another_beyond_its_ceiling():
    rng = np.random.default_rng(0)
    n_called = sum(
        profile_likeness(rng.normal(size=(12, 10)), 0, draws=200, seed=trial).beyond.any() for trial in range(400)
    )
    assert 8 <= n_called <= 34  # of 400 at 5 %: 20, four standard deviations either way


def test_noise_is_not_alike_because_the_same_classes_are_noisy():
    """Shuffling over classes as if they were alike called 47 to 57 % of such units."""
    rng = np.random.default_rng(1)
    noisy = np.exp(rng.normal(0, 1, 100))
    n_called = sum(
        profile_likeness(rng.normal(0, noisy, (24, 100)), 0, draws=200, seed=trial).beyond.any() for trial in range(100)
    )
    assert n_called <= 13  # of 100 at 5 %: 5, four standard deviations


@pytest.mark.parametrize("n_classes", [3, 10])
def test_profiles_that_few_shuffles_can_tell_apart_are_not_beyond_chance(n_classes):
    """Of units that hurt one class each, one shuffle of ten reaches the largest correlation: rounding is no lead."""
    rng = np.random.default_rng(0)
    for trial in range(60):
        profiles = np.zeros((20, n_classes))
        profiles[np.arange(20), rng.integers(0, n_classes, 20)] = rng.integers(1, 9, 20) / 50
        if n_classes == 3:
            profiles = rng.exponential(size=(20, 3))
        assert not profile_likeness(profiles, 0, draws=300, seed=trial).beyond.any()


def test_copies_are_beyond_chance_and_mirror_images_are_not():
    profiles = draw(1, n_units=4, n_classes=30)
    table = np.concatenate([profiles, 2 * profiles[:1] + 3, -profiles[:1]])
    found = profile_likeness(table, 0)
    assert found.r[4] == pytest.approx(1)
    assert found.beyond[4]
    assert found.r[5] == pytest.approx(-1)
    assert not found.beyond[5]


def test_units_without_a_profile_are_like_nothing():
    profiles = np.concatenate([draw(2), np.zeros((1, 9)), np.full((1, 9), 0.1)])
    found = profile_likeness(profiles, 0)
    assert np.isnan(found.r[[0, 6, 7]]).all()
    assert not np.isnan(found.r[1:6]).any()
    silent = profile_likeness(profiles, 6)
    assert np.isnan(silent.r).all()
    assert np.isnan(silent.ceiling)
    assert not silent.beyond.any()


def test_classes_without_images_do_not_count_and_two_classes_say_nothing():
    profiles = draw(4)
    wider = np.column_stack([profiles, np.full(6, np.nan)])
    np.testing.assert_array_equal(profile_likeness(wider, 1).r, profile_likeness(profiles, 1).r)
    assert np.isnan(profile_likeness(profiles[:, :2], 1).r).all()


def test_rows_are_standardised_to_a_mean_of_zero_and_a_length_of_one():
    found = standardised(draw(5))
    np.testing.assert_allclose(found.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose((found**2).sum(axis=1), 1)


@pytest.mark.parametrize(("kind", "sizes", "layers"), [("normal", "one of 3", 6), ("changed unlike", "5 to 1,300", 12)])
def test_noise_is_not_alike_where_classes_are_few_and_very_unequal(kind, sizes, layers):
    """Shuffles over the classes alone called a quarter of such units."""
    rng = np.random.default_rng(4)
    now, shuffles = np.concatenate([called(rng, kind, SIZES[sizes](10)) for _ in range(layers)]).sum(axis=0)
    most = layers  # of six units a layer: 17 %, three standard deviations above 5 %
    assert now <= most < shuffles


def test_units_that_cost_the_same_classes_are_found():
    rng = np.random.default_rng(0)
    assert sum(found(rng, SIZES["50 each"](16), alone=True) for _ in range(10)) >= 5


def test_dealt_images_keep_their_sum_and_classes_their_sizes():
    rng = np.random.default_rng(5)
    label = np.repeat([0, 1, 3], [2, 30, 8])
    values = rng.exponential(size=40)
    drawn = means_by_chance(values, label, 4, seed=3)
    assert drawn.shape == (1000, 4)
    assert np.isnan(drawn[:, 2]).all()
    np.testing.assert_allclose(np.nansum(drawn * np.bincount(label, minlength=4), axis=1), values.sum())
    spread = np.nanstd(drawn[:, [0, 1, 3]], axis=0)
    np.testing.assert_allclose(spread, values.std() * np.sqrt((1 / np.array([2, 30, 8]) - 1 / 40) * 40 / 39), rtol=0.1)
    np.testing.assert_allclose(noise_by_chance(np.array([4, 100])).std(axis=0), [0.5, 0.1], rtol=0.1)


def test_changed_answers_are_drawn_as_those_of_the_layers_units_are_on_average():
    lost, gained = np.array([[6, 0, 0], [0, 2, 0], [0, 0, 0]]), np.array([[0, 0, 0], [0, 2, 0], [0, 0, 0]])
    counts = PairedCounts(lost, gained, np.array([10, 20, 0]))
    drawn = drops_by_chance(counts, 1, draws=4000)
    assert np.isnan(drawn[:, 2]).all()
    # Of its four changes half are losses of class 0, a quarter each losses and gains of class 1.
    np.testing.assert_allclose(drawn[:, :2].mean(axis=0), [2 / 10, 0], atol=0.01)
    assert not drops_by_chance(counts, 2)[:, :2].any()
