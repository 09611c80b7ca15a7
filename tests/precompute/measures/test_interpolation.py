"""Interpolation against scipy's, and what comparing with a threshold relies on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.ndimage import map_coordinates

from precompute.measures.interpolation import enlarge

cells = st.floats(-8, 8, width=32)
maps = hnp.arrays(np.float32, st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5)), elements=cells)
places = hnp.arrays(np.float64, st.integers(1, 6), elements=st.floats(-3, 8))


@given(maps, places, places)
def test_it_is_linear_between_the_centres_of_cells_and_flat_beyond(values, down, across):
    expected = [
        map_coordinates(one.astype(float), np.meshgrid(down, across, indexing="ij"), order=1, mode="nearest")
        for one in values
    ]
    np.testing.assert_allclose(enlarge(values, down, across), expected, atol=1e-5)


@given(maps, places, places)
def test_nothing_lies_outside_the_cells_by_rounding(values, down, across):
    found = enlarge(values, down, across)
    assert found.max() <= values.max()
    assert found.min() >= values.min()
    assert found.dtype == np.float32


def test_a_level_map_stays_exactly_level():
    found = enlarge(np.full((1, 3, 3), 0.1, np.float32), np.linspace(-1, 3, 50), np.linspace(0, 2, 40))
    assert found.shape == (1, 50, 40)
    assert (found == np.float32(0.1)).all()
