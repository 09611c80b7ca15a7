"""The strongest units of an image against a sort by tuples; blocks of units make no difference."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from precompute.measures.image_top import N_STRONGEST, strongest_units


@st.composite
def layers(draw):
    """Maximum and mean of some units on some images, with many ties, and how many units to choose."""
    shape = draw(st.integers(1, 14)), draw(st.integers(1, 5))
    few = st.sampled_from([-1.5, -0.0, 0.0, 0.25, 6.0, math.nan])
    largest, mean = (draw(hnp.arrays(np.float32, shape, elements=few)) for _ in range(2))
    return largest, mean, draw(st.integers(1, shape[0] + 2))


def slow_strongest(largest, mean, k):
    def below_all(value):
        return -math.inf if math.isnan(value) else value

    def rank(image):
        def key(unit):
            return -below_all(largest[unit, image]), -below_all(mean[unit, image]), unit

        return sorted(range(len(largest)), key=key)[:k]

    return [rank(image) for image in range(largest.shape[1])]


@given(layers())
def test_the_strongest_units_are_the_first_by_maximum_then_mean_then_number(case):
    largest, mean, k = case
    unit, value = strongest_units([(largest, mean)], k)
    assert unit.tolist() == slow_strongest(largest, mean, k)
    np.testing.assert_array_equal(value, largest[unit, np.arange(largest.shape[1])[:, None]])


@given(layers(), st.integers(1, 5))
def test_blocks_of_units_give_what_all_units_at_once_give(case, size):
    largest, mean, k = case
    blocks = [(largest[at : at + size], mean[at : at + size]) for at in range(0, len(largest), size)]
    for found, expected in zip(strongest_units(blocks, k), strongest_units([(largest, mean)], k), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_layer_of_many_units_names_ten_an_image():
    largest = np.random.default_rng(0).normal(size=(300, 7))
    unit, value = strongest_units([(largest, largest)])
    assert unit.shape == value.shape == (7, N_STRONGEST)
    np.testing.assert_array_equal(unit, np.argsort(-largest, axis=0, kind="stable")[:N_STRONGEST].T)


def test_no_units_are_refused():
    with pytest.raises(ValueError, match="at least one unit"):
        strongest_units([])
