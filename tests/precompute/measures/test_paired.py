"""Counts against loops over images, p-values against fractions and scipy, intervals against simulation."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.binomial import coin_probabilities, fair_coin
from precompute.measures.drops import Answers, class_drops, correct_without, overall_drop
from precompute.measures.paired import FlipTable, drop_interval, flip_rate, mcnemar, paired_counts

counts = st.integers(0, 40)


@st.composite
def sweeps(draw):
    """Answers, the prediction of every (unit, image) without the unit, and a choice of images."""
    n_classes, n_images, n_units = draw(st.integers(1, 4)), draw(st.integers(0, 10)), draw(st.integers(1, 4))
    label = np.array(draw(st.lists(st.integers(0, n_classes - 1), min_size=n_images, max_size=n_images)), dtype=int)
    answers = st.lists(st.integers(0, n_classes), min_size=n_images, max_size=n_images)
    before = Answers(np.array(draw(answers), dtype=int), label, label, n_classes)
    without = np.array([draw(answers) for _ in range(n_units)], dtype=int).reshape(n_units, n_images)
    return before, without, np.array(draw(st.lists(st.booleans(), min_size=n_images, max_size=n_images)), dtype=bool)


def table_of(before, without):
    unit, image = np.nonzero(without != before.prediction)
    return FlipTable(unit, image, without[unit, image], len(without))


def slow_mcnemar(lost, gained, mid):
    """The probability of splits at least as uneven, those just as uneven by half for the mid-p value."""
    m = lost + gained
    if m == 0:
        return 1.0
    weight = {True: Fraction(1, 2) if mid else Fraction(1), False: Fraction(1)}
    uneven = [i for i in range(m + 1) if abs(2 * i - m) >= abs(lost - gained)]
    return float(sum(weight[abs(2 * i - m) == abs(lost - gained)] * math.comb(m, i) for i in uneven) / 2**m)


@given(sweeps())
def test_counts_are_those_of_every_chosen_image(case):
    before, without, chosen = case
    found = paired_counts(table_of(before, without), before, chosen)
    for unit, prediction in enumerate(without):
        for c in range(before.n_classes):
            images = [i for i in range(len(before.label)) if before.label[i] == c and chosen[i]]
            was = [before.prediction[i] == before.target[i] for i in images]
            now = [prediction[i] == before.target[i] for i in images]
            assert found.lost[unit, c] == sum(w and not n for w, n in zip(was, now, strict=True))
            assert found.gained[unit, c] == sum(n and not w for w, n in zip(was, now, strict=True))
            assert found.count[c] == len(images)


@given(sweeps())
def test_the_drops_of_paired_counts_are_those_of_the_right_images(case):
    before, without, _ = case
    flips = table_of(before, without)
    correct = correct_without(flips.unit, flips.image, flips.prediction, flips.n_units, before)
    drop = class_drops(before.correct, correct, before.count)
    found = paired_counts(flips, before)
    np.testing.assert_array_equal(found.drop, drop)
    np.testing.assert_array_equal(found.overall_drop, overall_drop(before.correct, correct, before.count))


@given(sweeps())
def test_two_parts_of_the_images_add_up(case):
    before, without, chosen = case
    flips = table_of(before, without)
    whole = paired_counts(flips, before)
    one, other = (paired_counts(flips, before, part) for part in (chosen, ~chosen))
    np.testing.assert_array_equal(one.lost + other.lost, whole.lost)
    np.testing.assert_array_equal(one.gained + other.gained, whole.gained)
    np.testing.assert_array_equal(one.count + other.count, whole.count)


@given(sweeps())
def test_the_flip_rate_counts_every_changed_prediction(case):
    before, without, _ = case
    found = flip_rate(table_of(before, without), len(before.label))
    for unit, prediction in enumerate(without):
        changed = [p != q for p, q in zip(prediction, before.prediction, strict=True)]
        assert found[unit] == pytest.approx(sum(changed) / len(changed) if changed else math.nan, nan_ok=True)


@given(st.lists(st.tuples(counts, counts), min_size=1, max_size=12), st.booleans())
def test_mcnemar_follows_the_definition(pairs, mid):
    lost, gained = np.array(pairs).T
    expected = [slow_mcnemar(b, c, mid) for b, c in pairs]
    np.testing.assert_allclose(mcnemar(lost, gained, mid=mid), expected, rtol=1e-11)


@given(counts, counts)
def test_mcnemar_is_the_two_sided_binomial_test(lost, gained):
    found = mcnemar(np.array([lost]), np.array([gained]))[0]
    expected = stats.binomtest(lost, lost + gained).pvalue if lost + gained else 1
    assert found == pytest.approx(expected, rel=1e-9)


@given(counts, counts)
def test_losing_and_gaining_are_alike_to_mcnemar_and_mid_p_is_never_above(lost, gained):
    exact, mid = (mcnemar(np.array([[lost, gained]]), np.array([[gained, lost]]), mid=mid) for mid in (False, True))
    assert exact[0, 0] == exact[0, 1]
    assert mid[0, 0] == mid[0, 1]
    assert 0 < mid[0, 0] <= exact[0, 0] <= 1


@pytest.mark.parametrize(("n_tests", "needed"), [(1, 6), (365, 14), (1000, 16), (512_000, 25)])
def test_bonferroni_asks_for_so_many_losses_without_a_gain(n_tests, needed):
    p = mcnemar(np.arange(40), np.zeros(40, dtype=int))
    assert np.flatnonzero(p < 0.05 / n_tests)[0] == needed


def test_mcnemar_keeps_its_level_and_mid_p_comes_closer_to_it():
    rng = np.random.default_rng(0)
    changed = rng.poisson(12, 20_000)
    lost = rng.binomial(changed, 0.5)
    exact, mid = (np.mean(mcnemar(lost, changed - lost, mid=mid) <= 0.05) for mid in (False, True))
    assert exact < mid < 0.055
    assert mid > 0.035


def test_coins_are_right_far_out_and_for_many_tosses():
    at_most, exactly = fair_coin(np.array([5000, 5000, 10]), np.array([2300, 5000, 3]))
    np.testing.assert_allclose(at_most, stats.binom.cdf([2300, 5000, 3], [5000, 5000, 10], 0.5), rtol=1e-9)
    np.testing.assert_allclose(exactly[[0, 2]], stats.binom.pmf([2300, 3], [5000, 10], 0.5), rtol=1e-9)
    assert coin_probabilities(0).tolist() == [1]
    at_most, exactly = fair_coin(np.array([[4]]), np.array([-2, -1, 5]))
    assert (at_most.tolist(), exactly.tolist()) == ([[0, 0, 1]], [[0, 0, 0]])


@given(counts, counts, counts)
def test_the_interval_is_inside_minus_1_to_1_and_around_a_point_near_the_drop(lost, gained, same):
    n = lost + gained + same
    low, high = drop_interval(np.array([lost]), np.array([gained]), np.array([n]))
    if n == 0:
        assert np.isnan([low[0], high[0]]).all()
        return
    assert -1 <= low[0] < high[0] <= 1
    assert low[0] <= (lost - gained) / (n + 2) <= high[0]


@given(counts, counts, counts, st.sampled_from([0.8, 0.95, 0.99]))
def test_the_interval_follows_the_definition(lost, gained, same, level):
    n = lost + gained + same + 1
    p12, p21 = (lost + 1) / (n + 2), (gained + 1) / (n + 2)
    margin = stats.norm.ppf((1 + level) / 2) * math.sqrt((p12 + p21 - (p12 - p21) ** 2) / (n + 2))
    low, high = drop_interval(np.array([lost]), np.array([gained]), np.array([n]), level=level)
    assert low[0] == pytest.approx(max(p12 - p21 - margin, -1))
    assert high[0] == pytest.approx(min(p12 - p21 + margin, 1))


@pytest.mark.parametrize(("n", "lost", "gained"), [(20, 0.1, 0.02), (50, 0.14, 0.01), (50, 0.02, 0.02), (10, 0.3, 0.1)])
def test_the_interval_covers_the_truth_about_as_often_as_it_says(n, lost, gained):
    drawn = np.random.default_rng(0).multinomial(n, [lost, gained, 1 - lost - gained], size=20_000)
    low, high = drop_interval(drawn[:, 0], drawn[:, 1], np.full(len(drawn), n))
    assert ((low <= lost - gained) & (lost - gained <= high)).mean() > 0.93


def test_few_images_leave_a_wide_interval_even_when_nothing_changes():
    low, high = drop_interval(np.array([0, 0]), np.array([0, 0]), np.array([5, 5000]))
    assert high[0] - low[0] > 0.5
    assert high[1] - low[1] < 0.01
