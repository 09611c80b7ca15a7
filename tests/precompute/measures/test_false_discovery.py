"""The q-values against their definition, against scipy and against simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from precompute.measures.false_discovery import discrete_false_discovery, false_discovery
from precompute.measures.maxdrop import max_drop_test
from precompute.measures.paired import PairedCounts

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


# Of tests that can take few p-values


def slow_discrete_q(p, attainable, level=0.05):
    """Each step of the procedure written out, with a loop over tests in every one."""

    def by_chance(test, t):
        return max([a for a in attainable[test] if a <= t * (1 + 1e-9)], default=0.0)

    def odds(t):
        shares = [by_chance(test, t) for test in range(len(p))]
        return sum(s / (1 - s) if s < 1 else np.inf for s in shares) / len(p)

    tau = max([t for values in attainable for t in values if odds(t) <= level], default=0.0)
    expected = []
    for t in p:
        parts = [(by_chance(test, t), by_chance(test, max(t, tau))) for test in range(len(p))]
        total = sum(here / (1 - there) if there < 1 else np.inf for here, there in parts)
        expected.append(total / sum(other <= t for other in p))
    return [min(1, max(t, min(expected[j] for j in range(len(p)) if p[j] >= t))) for t in p]


@given(st.lists(st.lists(st.integers(1, 20), min_size=1, max_size=4, unique=True), min_size=1, max_size=5), st.data())
def test_discrete_q_values_follow_the_definition(steps, data):
    attainable = [np.array(sorted({step / 20 for step in test} | {1.0})) for test in steps]
    p = np.array([data.draw(st.sampled_from(values.tolist())) for values in attainable])
    found = discrete_false_discovery(p, attainable)
    np.testing.assert_allclose(found, slow_discrete_q(p.tolist(), [a.tolist() for a in attainable]), rtol=1e-9)


def test_tests_that_cannot_be_significant_leave_the_family():
    able, unable = np.array([0.001, 0.01, 0.04, 1]), np.array([0.5, 1])
    p = np.array([0.01, *[0.5] * 99])
    q = discrete_false_discovery(p, [able, *[unable] * 99])
    assert q[0] == pytest.approx(0.01 / (1 - 0.04))  # 0.04 is the largest p-value that may be called
    assert false_discovery(p)[0] == pytest.approx(0.5)
    assert np.isnan(discrete_false_discovery(np.array([np.nan]), [np.empty(0)])).all()


def changed(rng, n_units, n_classes, n_images, lose):
    """Flips either way at rates that differ from unit to unit, and a class of some units that really loses."""
    rate = rng.uniform(0.001, 0.02, n_units)[:, None]
    lost, gained = (rng.binomial(n_images, rate, (n_units, n_classes)) for _ in range(2))
    lost[:, 0] += rng.binomial(n_images - lost[:, 0] - gained[:, 0], lose)
    return max_drop_test(PairedCounts(lost, gained, np.full(n_classes, n_images)))


def test_units_that_do_nothing_are_called_in_no_more_layers_than_the_level():
    rng = np.random.default_rng(5)
    layers = [(changed(rng, 24, 16, 50, np.zeros(24)).q <= 0.05).any() for _ in range(200)]
    assert np.mean(layers) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(layers))


def test_of_the_units_called_one_in_twenty_is_false_and_more_are_found_than_without_knowing_the_counts():
    rng = np.random.default_rng(6)
    lose = np.repeat([0.12, 0.0], [6, 18])
    false, before, after = [], 0, 0
    for _ in range(80):
        test = changed(rng, 24, 16, 50, lose)
        called = test.q <= 0.05
        false.append(called[6:].sum() / max(1, called.sum()))
        before, after = before + (false_discovery(test.p) <= 0.05)[:6].sum(), after + called[:6].sum()
    assert np.mean(false) <= 0.05 + 3 * np.std(false) / np.sqrt(len(false))
    assert after > 1.2 * before
