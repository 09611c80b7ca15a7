"""Ranks against counting, and against scipy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from precompute.measures.ranks import average_ranks

tables = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 3), st.integers(0, 8)), elements=st.sampled_from([-1.5, 0, 2, 9])
)


@given(tables)
def test_a_rank_is_one_more_than_what_is_smaller_and_half_of_what_is_equal(values):
    for row, ranks in zip(values.tolist(), average_ranks(values).tolist(), strict=True):
        assert ranks == [1 + sum(v < x for v in row) + (sum(v == x for v in row) - 1) / 2 for x in row]


@given(tables)
def test_ranks_are_those_of_scipy(values):
    np.testing.assert_array_equal(average_ranks(values), stats.rankdata(values, axis=-1))
