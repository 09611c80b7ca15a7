"""Evenly spread positions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.evenly_spread import evenly_spread


@given(n=st.integers(1, 300), n_chosen=st.integers(1, 300))
def test_positions_go_from_the_first_to_the_last_in_steps_that_differ_by_one_at_most(n, n_chosen):
    chosen = evenly_spread(n, n_chosen)
    assert len(chosen) == min(n, n_chosen)
    assert chosen[0] == 0
    if len(chosen) > 1:
        steps = np.diff(chosen)
        assert chosen[-1] == n - 1
        assert steps.min() > 0
        assert np.ptp(steps) <= 1
