"""Means of what is defined."""

import numpy as np
import pytest

from precompute.measures.known import mean_of_known


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_the_mean_leaves_out_what_is_not_defined_and_is_nan_where_nothing_is():
    assert mean_of_known(np.array([[1.0, np.nan], [5.0, 3.0]])) == 3
    assert np.isnan(mean_of_known(np.array([np.nan, np.nan])))
    assert np.isnan(mean_of_known(np.zeros(0)))
