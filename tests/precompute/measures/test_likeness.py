"""How alike maps are, against scipy."""

import numpy as np
import pytest
from scipy import stats

from precompute.measures.likeness import map_likeness


def test_it_is_the_rank_correlation_of_absolute_values_where_either_is_not_zero():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 4, 6, 5))
    one[:, :2], other[:, :1] = 0, 0
    for number, found in enumerate(map_likeness(one, other)):
        a, b = np.abs(one[number, 1:]).ravel(), np.abs(other[number, 1:]).ravel()
        assert found == pytest.approx(stats.spearmanr(a, b).statistic)


def test_sign_and_scale_do_not_matter_and_shared_zeros_do_not_count():
    one = np.zeros((1, 9, 9))
    one[0, :3, :3] = np.random.default_rng(1).normal(size=(3, 3))
    assert map_likeness(one, -5 * one)[0] == pytest.approx(1)
    other = one.copy()
    other[0, :3, :3] = np.random.default_rng(2).normal(size=(3, 3))
    assert abs(map_likeness(one, other)[0]) < 0.8


def test_silent_maps_are_like_nothing():
    nothing, something = np.zeros((1, 4, 4)), np.random.default_rng(0).random((1, 4, 4))
    assert np.isnan(map_likeness(nothing, nothing)[0])
    assert np.isnan(map_likeness(nothing, something)[0])
    assert map_likeness(something[:0], something[:0]).shape == (0,)
