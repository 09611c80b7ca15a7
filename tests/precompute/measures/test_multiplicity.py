"""The q-values against their definition, against scipy and against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from precompute.measures.multiplicity import false_discovery

p_values = hnp.arrays(
    np.float64,
    hnp.array_shapes(max_dims=2, max_side=6),
    elements=st.one_of(st.floats(0, 1), st.sampled_from([0.01, 0.05, 1]), st.just(np.nan)),
)


def slow_q(p, any_dependence):
    """Of every level at which a test is called, the lowest: n p / rank over all that are no smaller."""
    tested = sorted(value for value in p.ravel().tolist() if value == value)
    n = len(tested)
    factor = sum(1 / i for i in range(1, n + 1)) if any_dependence else 1
    level = [min(1, value * n * factor / place) for place, value in enumerate(tested, start=1)]
    return np.array([min(level[tested.index(v) :]) if v == v else np.nan for v in p.ravel()]).reshape(p.shape)


@given(p_values, st.booleans())
def test_q_values_follow_the_definition(p, any_dependence):
    found = false_discovery(p, any_dependence=any_dependence)
    np.testing.assert_allclose(found, slow_q(p, any_dependence), rtol=1e-12)


@pytest.mark.parametrize(("any_dependence", "method"), [(False, "bh"), (True, "by")])
@given(p=hnp.arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1)))
def test_q_values_are_those_of_scipy(any_dependence, method, p):
    expected = stats.false_discovery_control(p, method=method)
    np.testing.assert_allclose(false_discovery(p, any_dependence=any_dependence), expected, rtol=1e-12)


@given(p_values)
def test_q_is_never_below_p_keeps_its_order_and_is_missing_where_p_is(p):
    q = false_discovery(p)
    np.testing.assert_array_equal(np.isnan(q), np.isnan(p))
    tested = ~np.isnan(p)
    assert (q[tested] >= p[tested]).all()
    assert (q[tested] <= 1).all()
    assert (np.diff(q[tested][np.argsort(p[tested])]) >= 0).all()


def test_tests_that_were_not_made_do_not_count():
    p = np.array([0.01, np.nan, 0.02, np.nan])
    np.testing.assert_array_equal(false_discovery(p)[[0, 2]], false_discovery(p[[0, 2]]))
    assert np.isnan(false_discovery(np.array([np.nan]))).all()


@pytest.mark.parametrize(("any_dependence", "power"), [(False, 0.5), (True, 0.2)])
def test_the_share_of_false_calls_is_at_most_the_level(any_dependence, power):
    rng = np.random.default_rng(0)
    false_share, found = [], []
    for _ in range(300):
        shift = np.r_[np.full(20, 3.5), np.zeros(180)]
        called = false_discovery(stats.norm.sf(rng.normal(shift)), any_dependence=any_dependence) <= 0.1
        false_share.append(called[20:].sum() / max(called.sum(), 1))
        found.append(called[:20].mean())
    assert np.mean(false_share) < 0.1
    assert np.mean(found) > power
