"""Colour and shape, on images and in kernels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from precompute.measures.colour import colour_selectivity, weight_chroma

few = st.sampled_from([0, 0, 0.5, 1, 4])
pairs = st.tuples(st.integers(1, 3), st.integers(1, 5)).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.float32, shape, elements=few)] * 2)
)
kernels = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 3), st.just(3), st.integers(1, 3), st.integers(1, 3)),
    elements=st.floats(-2, 2),
)


@given(pairs)
def test_colour_selectivity_follows_the_definition(pair):
    for unit, found in enumerate(colour_selectivity(*pair)):
        colour, grey = (sum(side[unit].tolist()) for side in pair)
        assert found == pytest.approx(1 - grey / colour if colour else np.nan, nan_ok=True)


def test_colour_selectivity_of_known_units():
    colour = np.array([[2.0, 1], [2, 1], [2, 1], [0, 0]])
    grey = np.array([[0.0, 0], [2, 1], [3, 1.5], [1, 1]])
    np.testing.assert_allclose(colour_selectivity(colour, grey), [1, 0, -0.5, np.nan])


def test_activations_below_zero_are_refused():
    with pytest.raises(ValueError, match="nowhere below zero"):
        colour_selectivity(np.array([[1.0]]), np.array([[-1.0]]))


@given(kernels)
def test_chroma_is_the_energy_off_the_grey_axis(weight):
    for unit, found in enumerate(weight_chroma(weight)):
        pixels = weight[unit].reshape(3, -1).T
        off_grey = sum(np.sum((pixel - pixel.mean()) ** 2) for pixel in pixels)
        energy = sum(np.sum(pixel**2) for pixel in pixels)
        if energy > 1e-12:
            assert found == pytest.approx(off_grey / energy, abs=1e-9)


def test_chroma_of_known_kernels():
    grey = np.ones((3, 2, 2))
    opponent = np.zeros((3, 2, 2))
    opponent[0], opponent[1] = 1, -1
    red = np.zeros((3, 2, 2))
    red[0] = 5
    found = weight_chroma(np.stack([grey, opponent, red, np.zeros((3, 2, 2))]))
    np.testing.assert_allclose(found, [0, 1, 2 / 3, np.nan], atol=1e-12)


def test_random_kernels_have_a_chroma_of_two_thirds():
    weight = np.random.default_rng(0).normal(size=(500, 3, 5, 5))
    assert weight_chroma(weight).mean() == pytest.approx(2 / 3, abs=0.01)


def test_other_than_three_channels_are_refused():
    with pytest.raises(ValueError, match="4 channels"):
        weight_chroma(np.zeros((2, 4, 3, 3)))
