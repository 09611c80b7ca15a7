"""Dead units against a loop over whole maps."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from precompute.measures.activity import dead

maps = hnp.arrays(np.float32, st.tuples(*[st.integers(1, 3)] * 4), elements=st.sampled_from([0, -0.0, 0.5, -0.5, 2]))


@given(maps)
def test_a_unit_is_dead_where_every_map_is_zero_everywhere(activation):
    found = dead(activation.max(axis=(2, 3)), activation.mean(axis=(2, 3)))
    expected = [float(all(value == 0 for value in unit.ravel())) for unit in activation]
    assert found.tolist() == expected


def test_a_unit_that_only_goes_below_zero_is_not_dead():
    # A ReLU would silence it, but the layer is what it is: its maximum is 0 and its mean is not.
    assert dead(np.array([[0.0]]), np.array([[-0.25]])).tolist() == [0]
