"""The largest drop under chance, against every pattern of coins, random draws and simulations with planted effects."""

import itertools
from fractions import Fraction
from math import comb, prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.maxdrop import max_drop_test, null_maximum, takes_part
from precompute.measures.paired import PairedCounts
from tests.simulations import apart_classes


@st.composite
def tallies(draw, most=3):
    """Lost, gained and unchanged images of a few classes, some without images, for a few units."""
    n_units, n_classes = draw(st.integers(1, 2)), draw(st.integers(1, 4))
    few = st.lists(st.integers(0, most), min_size=n_classes, max_size=n_classes)
    lost, gained = (np.array([draw(few) for _ in range(n_units)]) for _ in range(2))
    count = (lost + gained).max(axis=0) + np.array(draw(few))
    return PairedCounts(lost, gained, count)


def slow_null(changed, count):
    """Probability of every largest drop, over all outcomes of every class, in fractions."""
    found = {}
    outcomes = [range(m + 1) for m in changed]
    for heads in itertools.product(*outcomes):
        largest = max(Fraction(2 * k - m, n) for k, m, n in zip(heads, changed, count, strict=True))
        chance = prod(Fraction(comb(m, k), 2**m) for k, m in zip(heads, changed, strict=True))
        found[largest] = found.get(largest, 0) + chance
    return dict(sorted(found.items()))


@given(tallies())
def test_the_null_is_that_of_every_pattern_of_coins(counts):
    taking = counts.count > 0
    if not taking.any():
        return
    changed, count = (counts.lost + counts.gained)[0, taking].tolist(), counts.count[taking].tolist()
    value, log_at_most = null_maximum(np.array(changed), np.array(count))
    expected = slow_null(changed, count)
    assert value.tolist() == [float(largest) for largest in expected]
    cumulative = list(itertools.accumulate(expected.values()))
    np.testing.assert_allclose(np.exp(log_at_most), [float(p) for p in cumulative], rtol=1e-12)
    assert log_at_most[-1] == 0


@given(tallies())
def test_p_and_noise_level_follow_the_definition(counts):
    taking = counts.count > 0
    result = max_drop_test(counts, ceiling=0.9)
    for unit in range(len(counts.lost)):
        if not taking.any():
            assert np.isnan([result.p[unit], result.expected[unit], result.ceiling[unit]]).all()
            continue
        lost, gained = counts.lost[unit, taking].tolist(), counts.gained[unit, taking].tolist()
        count = counts.count[taking].tolist()
        null = slow_null([b + c for b, c in zip(lost, gained, strict=True)], count)
        drop = [Fraction(b - c, n) for b, c, n in zip(lost, gained, count, strict=True)]
        expected_p = [float(sum(p for value, p in null.items() if value >= one)) for one in drop]
        np.testing.assert_allclose(result.class_p[unit, taking], expected_p, rtol=1e-11)
        assert result.p[unit] == pytest.approx(min(expected_p), rel=1e-11)
        assert result.largest[unit] == float(max(drop))
        assert result.expected[unit] == pytest.approx(float(sum(v * p for v, p in null.items())), abs=1e-12)
        below = [v for v in null if sum(p for w, p in null.items() if w <= v) >= Fraction(9, 10) - Fraction(1, 10**12)]
        assert result.ceiling[unit] == pytest.approx(float(min(below)))
    assert np.isnan(result.class_p[:, ~taking]).all()


@given(tallies(most=8), st.randoms(use_true_random=False))
def test_the_order_of_classes_and_units_does_not_matter(counts, random):
    classes = random.sample(range(len(counts.count)), len(counts.count))
    units = random.sample(range(len(counts.lost)), len(counts.lost))
    moved = PairedCounts(counts.lost[units][:, classes], counts.gained[units][:, classes], counts.count[classes])
    one, other = max_drop_test(counts), max_drop_test(moved)
    np.testing.assert_allclose(other.class_p, one.class_p[units][:, classes], rtol=1e-9)
    np.testing.assert_allclose(other.expected, one.expected[units], atol=1e-12)


@given(tallies(most=8))
def test_noise_levels_are_never_below_zero_where_a_class_is_untouched_and_p_is_a_probability(counts):
    result = max_drop_test(counts)
    tested = ~np.isnan(result.p)
    assert ((result.p[tested] > 0) & (result.p[tested] <= 1)).all()
    untouched = ((counts.lost + counts.gained == 0) & (counts.count > 0)).any(axis=1)
    assert (result.expected[untouched] >= 0).all()
    assert (result.ceiling[untouched] >= 0).all()


def draw_null_maximum(counts, *, draws):
    """Largest drops as chance would make them, (draw, unit)."""
    rng = np.random.default_rng(1)
    present = counts.count > 0
    changed, count = (counts.lost + counts.gained)[:, present], counts.count[present]
    return np.array([((2 * rng.binomial(changed, 0.5) - changed) / count).max(axis=1) for _ in range(draws)])


def test_draws_agree_with_the_exact_distribution():
    rng = np.random.default_rng(0)
    lost, gained = rng.poisson(1.5, (2, 3, 40))
    counts = PairedCounts(lost, gained, np.r_[rng.integers(30, 60, 39), 0])
    drawn = draw_null_maximum(counts, draws=4000)
    exact = max_drop_test(counts)
    np.testing.assert_allclose(drawn.mean(axis=0), exact.expected, atol=0.002)
    share = (drawn >= exact.largest).mean(axis=0)
    np.testing.assert_allclose((1 + share * 4000) / 4001, exact.p, atol=0.03)


def test_very_improbable_drops_keep_their_p():
    # 60 of 60 lost in one class of 1000: the p-value is that of the class alone, for the others do not reach so far.
    lost = np.zeros((1, 1000), dtype=int)
    lost[0, 7] = 60
    counts = PairedCounts(lost, np.zeros_like(lost), np.full(1000, 100))
    result = max_drop_test(counts)
    assert result.p[0] == pytest.approx(0.5**60, rel=1e-9)
    assert result.worst[0] == 7


def test_thousands_of_changed_images_are_no_trouble():
    counts = PairedCounts(np.array([[2600, 30]]), np.array([[2400, 30]]), np.array([9000, 900]))
    result = max_drop_test(counts)
    draws = draw_null_maximum(counts, draws=20_000)[:, 0]
    assert result.p[0] == pytest.approx(np.mean(draws >= result.largest[0]), abs=0.015)
    assert result.expected[0] == pytest.approx(draws.mean(), abs=5e-4)


def test_classes_set_apart_take_no_part_in_the_test_but_in_the_largest_drop_and_its_level():
    counts = PairedCounts(np.array([[9, 1]]), np.array([[0, 0]]), np.array([50, 50]))
    result = max_drop_test(counts, np.array([False, True]))
    assert (result.largest[0], result.worst[0], result.p[0]) == (0.18, 0, 0.5)
    np.testing.assert_array_equal(np.isnan(result.class_p), [[True, False]])
    everything = max_drop_test(counts)
    assert (result.expected[0], result.ceiling[0]) == (everything.expected[0], everything.ceiling[0])
    nothing = max_drop_test(counts, np.array([False, False]))
    assert np.isnan([nothing.p[0], nothing.q[0]]).all()
    assert nothing.ceiling[0] == everything.ceiling[0]


def test_the_largest_drop_of_a_weak_network_stays_below_its_level():
    """Classes with next to nothing to lose count in the largest drop, so they have to count in the level beside it.

    The small form of `python -m tests.simulations.apart_classes`.
    """
    assert not apart_classes.wrong(
        *apart_classes.simulate(n_layers=3, n_units=48, n_classes=100, n_images=200, beta=40)
    )


def test_a_class_takes_part_from_the_floor_on_and_needs_images():
    taking = takes_part(np.array([0, 4, 5, 50, 0]), np.array([50, 50, 50, 50, 0]))
    assert taking.tolist() == [False, False, True, True, False]
    assert takes_part(np.array([0, 0]), np.array([5, 0]), floor=0).tolist() == [True, False]


def test_a_unit_without_flips_has_p_1_and_no_noise():
    nothing = np.zeros((1, 3), dtype=int)
    result = max_drop_test(PairedCounts(nothing, nothing, np.array([5, 5, 5])))
    assert (result.p[0], result.expected[0], result.ceiling[0]) == (1, 0, 0)
    assert np.isnan(result.worst[0])


def simulate(n_units, n_classes, n_images, rate, drop=0.0):
    """Flips that are as often lost as gained, and one class that really loses."""
    rng = np.random.default_rng(0)
    lost, gained = rng.binomial(n_images, rate, (2, n_units, n_classes))
    lost[:, 0] += rng.binomial(n_images - lost[:, 0] - gained[:, 0], drop)
    return PairedCounts(lost, gained, np.full(n_classes, n_images))


@pytest.mark.parametrize(
    ("n_images", "n_classes", "rate", "mean", "ceiling"),
    [(50, 1000, 0.001, 3.4, 4), (50, 1000, 0.005, 5.8, 8), (50, 1000, 0.02, 9.9, 12), (100, 365, 0.01, 4.5, 6),
     (1000, 10, 0.01, 0.7, 1.1)],
)  # fmt: skip
def test_chance_makes_the_largest_drop_as_large_as_its_noise_level(n_images, n_classes, rate, mean, ceiling):
    counts = simulate(150, n_classes, n_images, rate)
    result = max_drop_test(counts)
    assert 100 * result.largest.mean() == pytest.approx(mean, abs=0.25)
    assert 100 * result.expected.mean() == pytest.approx(mean, abs=0.25)
    assert 100 * np.median(result.ceiling) == pytest.approx(ceiling, abs=0.3)


@pytest.mark.parametrize("rate", [0.0025, 0.01])
def test_chance_alone_is_called_no_more_often_than_the_level(rate):
    assert np.mean(max_drop_test(simulate(400, 1000, 50, rate)).p <= 0.05) <= 0.05


@pytest.mark.parametrize(
    ("drop", "low", "high"), [(0.08, 0.21, 0.38), (0.12, 0.56, 0.73), (0.16, 0.83, 0.90), (0.20, 0.93, 0.98)]
)
def test_one_class_in_a_thousand_is_found_as_often_as_expected(drop, low, high):
    powers = [np.mean(max_drop_test(simulate(400, 1000, 50, rate, drop)).p <= 0.05) for rate in (0.01, 0.0025)]
    # 400 units leave an uncertainty of some 5 points.
    assert powers[0] == pytest.approx(low, abs=0.06)
    assert powers[1] == pytest.approx(high, abs=0.06)
