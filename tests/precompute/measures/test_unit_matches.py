"""Matched units, against numpy's correlations one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.unit_matches import best_matches, match_null, same_number


def draw(seed, n_units=6, n_others=8, n_images=40):
    rng = np.random.default_rng(seed)
    sources = rng.normal(size=(4, n_images))
    return tuple(
        rng.normal(size=(n, 4)) @ sources + rng.normal(size=(n, n_images)) + 5 * rng.random((n, 1))
        for n in (n_units, n_others)
    )


def slow_matches(one, other):
    r = np.array([[np.corrcoef(a, b)[0, 1] for b in other] for a in one])
    unit = r.argmax(axis=1)
    return unit, r.max(axis=1), [r[:, match].argmax() == own for own, match in enumerate(unit)]


@given(st.integers(0, 40))
def test_a_match_is_the_unit_of_the_largest_correlation(seed):
    one, other = draw(seed)
    found, (unit, r, mutual) = best_matches(one, other), slow_matches(one, other)
    np.testing.assert_array_equal(found.unit, unit)
    np.testing.assert_allclose(found.r, r, atol=1e-5)
    np.testing.assert_array_equal(found.mutual, mutual)


def test_shuffled_units_are_found_again_and_mirror_images_are_not():
    one, _ = draw(1)
    order = np.random.default_rng(0).permutation(len(one))
    found = best_matches(one, 3 * one[order] + 2)
    np.testing.assert_array_equal(order[found.unit], np.arange(len(one)))
    np.testing.assert_allclose(found.r, 1, atol=1e-5)
    assert found.mutual.all()
    assert best_matches(one[:1], -one[:1]).r[0] == pytest.approx(-1, abs=1e-5)


def test_units_that_do_not_vary_match_nothing():
    one, other = draw(2)
    one[1], other[3] = 0.1, 0
    found = best_matches(one, other)
    assert found.unit[1] == -1
    assert np.isnan(found.r[1])
    assert not found.mutual[1]
    assert 3 not in found.unit
    nothing = best_matches(one, np.zeros((2, 40)))
    assert (nothing.unit == -1).all()
    assert not nothing.mutual.any()


def test_the_null_is_what_shuffled_images_give():
    one, other = draw(3)
    rng = np.random.default_rng(9)
    slow = [slow_matches(one, other[:, rng.permutation(40)]) for _ in range(400)]
    found = match_null(one, other, draws=800)
    np.testing.assert_allclose(found.expected, np.mean([r for _, r, _ in slow], axis=0), atol=0.02)
    assert found.mutual == pytest.approx(np.mean([np.sum(mutual) for _, _, mutual in slow]), abs=0.3)


def test_units_without_a_match_exceed_the_ceiling_of_19_shuffles_once_in_20_times():
    rng = np.random.default_rng(0)
    n_beyond = 0
    for trial in range(60):
        one, other = rng.normal(size=(10, 50)), rng.normal(size=(10, 50))
        n_beyond += int((best_matches(one, other).r > match_null(one, other, seed=trial).ceiling).sum())
    assert 10 <= n_beyond <= 55  # of 600, at 5 %: 30


def test_units_that_share_their_classes_alone_match_beyond_shuffled_images_and_not_within_classes():
    rng = np.random.default_rng(1)
    label = np.repeat(np.arange(5), 30)
    means = 2 * rng.normal(size=(8, 5))[:, label]
    one, other = (means + rng.normal(size=(8, 150)) for _ in range(2))
    matched = best_matches(one, other).r
    assert (matched > match_null(one, other).ceiling).all()
    assert (matched > match_null(one, other, group=label).ceiling).sum() <= 3


def test_within_groups_images_stay_in_their_group():
    label = np.array([2, 0, 1, 0, 2, 1, 0])
    of_label = np.stack([label, label**2]).astype(float)
    found = match_null(of_label, of_label, group=label, draws=5)
    np.testing.assert_allclose(found.expected, 1, atol=1e-5)


def test_units_of_the_same_number_are_correlated_in_pairs():
    one, other = draw(4, n_others=6)
    one[2] = 4
    found = same_number(one, other)
    assert np.isnan(found[2])
    for unit in (0, 1, 3, 4, 5):
        assert found[unit] == pytest.approx(np.corrcoef(one[unit], other[unit])[0, 1], abs=1e-5)


def test_units_of_one_number_match_by_chance_as_often_as_shuffles_say():
    rng = np.random.default_rng(4)
    one, other = rng.normal(size=(40, 60)), rng.normal(size=(40, 60))
    one[5:], other[:35] = 0, 0  # the units that vary have no number in common
    assert match_null(one, other).same == 0
    found = match_null(rng.normal(size=(40, 60)), rng.normal(size=(40, 60)), draws=100)
    assert 0.5 < found.same < 1.5
