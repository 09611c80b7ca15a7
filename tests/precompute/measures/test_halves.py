"""Halves, what is chosen on one and read on the other, and how far two halves agree."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.halves import disattenuated, divided, halves, held_out_drop, reliability
from precompute.measures.paired import PairedCounts

labels = st.lists(st.integers(0, 4), max_size=40).map(lambda held: np.array(held, dtype=int))


@given(labels, st.integers(0, 9))
def test_halves_differ_by_at_most_one_image_in_every_class_and_altogether(label, seed):
    half = halves(label, seed=seed)
    assert set(half.tolist()) <= {0, 1}
    for chosen in (np.ones(len(label), dtype=bool), *(label == c for c in range(5))):
        assert abs((half[chosen] == 0).sum() - (half[chosen] == 1).sum()) <= 1


def test_same_seed_same_halves_and_another_seed_others():
    label = np.arange(200) % 7
    np.testing.assert_array_equal(halves(label, seed=1), halves(label, seed=1))
    assert (halves(label, seed=1) != halves(label, seed=2)).any()


def test_every_image_falls_on_either_half_equally_often():
    label = np.repeat([0, 1, 2], [5, 4, 7])
    share = np.mean([halves(label, seed=seed) for seed in range(2000)], axis=0)
    np.testing.assert_allclose(share[5:9], 0.5, atol=0.05)
    np.testing.assert_allclose(share, 0.5, atol=0.15)


@st.composite
def readings(draw):
    n_units, n_classes = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    scores = st.lists(st.sampled_from([-0.5, 0, 0.25, 1, math.nan]), min_size=n_classes, max_size=n_classes)
    few = st.lists(st.integers(0, 3), min_size=n_classes, max_size=n_classes)
    score = np.array([draw(scores) for _ in range(n_units)])
    lost, gained = (np.array([draw(few) for _ in range(n_units)]) for _ in range(2))
    count = np.array(draw(few)) + (lost + gained).max(axis=0)
    return score, PairedCounts(lost, gained, count)


@given(readings())
def test_the_class_is_chosen_by_score_alone_and_read_from_the_counts(case):
    score, read = case
    found = held_out_drop(score, read)
    for unit, row in enumerate(score.tolist()):
        losing = {c: value for c, value in enumerate(row) if value > 0 and read.count[c]}
        if not losing:
            assert np.isnan([found.chosen[unit], found.drop[unit]]).all()
            assert found.lost[unit] == found.gained[unit] == found.count[unit] == 0
            continue
        best = min(c for c, value in losing.items() if value == max(losing.values()))
        assert found.chosen[unit] == best
        assert found.drop[unit] == read.drop[unit, best]
        assert (found.lost[unit], found.gained[unit]) == (read.lost[unit, best], read.gained[unit, best])


@given(st.floats(-0.99, 1))
def test_reliability_is_spearman_brown_of_the_correlation(r):
    # Two profiles with exactly this correlation.
    x, y = np.array([1.0, -1, 1, -1]), np.array([1.0, 1, -1, -1])
    found = reliability(x, r * x + math.sqrt(1 - r * r) * y)
    assert found == pytest.approx(2 * r / (1 + r), abs=1e-9)


def test_reliability_of_two_halves_is_the_correlation_of_two_wholes():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1, 4000)
    one, other, another, fourth = truth + rng.normal(0, 1.5, (4, 4000))
    expected = stats.pearsonr(one + other, another + fourth).statistic
    assert reliability(one, other) == pytest.approx(expected, abs=0.03)
    # What noise hides from a correlation is put back.
    r = stats.pearsonr(truth, one + other).statistic
    assert r < 0.75
    assert disattenuated(np.array(r), reliability(one, other), np.array(1.0)) == pytest.approx(1, abs=0.03)


def test_reliability_of_noise_is_about_zero_and_of_opposites_undefined():
    one, other = np.random.default_rng(0).normal(size=(2, 200, 100))
    assert np.mean(reliability(one, other)) == pytest.approx(0, abs=0.03)
    x = np.array([1.0, 2, 4])
    assert np.isnan(reliability(x, -x))
    assert np.isnan(reliability(x, np.full(3, 2.0)))
    assert np.isnan(disattenuated(np.array(0.5), np.array(-0.1), np.array(1.0)))


@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_halves_that_are_opposite_up_to_rounding_have_no_reliability(seed, scale):
    x = np.random.default_rng(seed).normal(size=7)
    assert np.isnan(reliability(x, -scale * x - 0.3))


def simulate(drop, rng, n_units=1500, n_classes=300, half=25, rate=0.005):
    """Two halves in which flips are as often lost as gained, and class 0 really loses."""
    parts = []
    for _ in range(2):
        lost, gained = rng.binomial(half, rate, (2, n_units, n_classes))
        lost[:, 0] += rng.binomial(half - lost[:, 0] - gained[:, 0], drop / (1 - 2 * rate))
        parts.append(PairedCounts(lost, gained, np.full(n_classes, half)))
    return parts


@pytest.mark.parametrize("drop", [0.04, 0.08, 0.12])
def test_the_held_out_drop_is_free_of_the_winners_curse(drop):
    one, other = simulate(drop, np.random.default_rng(0))
    naive = ((one.lost + other.lost - one.gained - other.gained) / 50).max(axis=1)
    assert naive.mean() > drop + 0.003 * (drop < 0.1)
    # Right class: its own drop. Any choice: the true drop of what was chosen, which is 0 for all classes but one.
    ways = [held_out_drop(one.drop, other), held_out_drop(other.drop, one)]
    for way in ways:
        hit = way.chosen == 0
        assert way.drop[hit].mean() == pytest.approx(drop, abs=0.012)
        assert way.drop[~hit & ~np.isnan(way.chosen)].mean() == pytest.approx(0, abs=0.004)
    right = (ways[0].chosen == 0) & (ways[1].chosen == 0)
    assert right.mean() > {0.04: 0.02, 0.08: 0.25, 0.12: 0.6}[drop]


@pytest.mark.parametrize(("drop", "naive", "picked"), [(0.04, 6.4, 0.36), (0.08, 8.7, 0.77), (0.12, 12.0, 0.94)])
def test_the_largest_of_many_drops_is_too_large(drop, naive, picked):
    one, other = simulate(drop, np.random.default_rng(1), n_classes=1000, n_units=400)
    total = (one.lost + other.lost - one.gained - other.gained) / 50
    assert 100 * total.max(axis=1).mean() == pytest.approx(naive, abs=0.3)
    # 400 units leave an uncertainty of some 5 points.
    assert (total.argmax(axis=1) == 0).mean() == pytest.approx(picked, abs=0.05)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.floats(0, 1), st.integers(0, 3))
def test_unequal_sets_hold_their_share_of_every_class(label, share, seed):
    label = np.array(label)
    which = divided(label, share, seed=seed)
    for c in np.unique(label):
        n, first = (label == c).sum(), (which[label == c] == 0).sum()
        assert abs(first - share * n) <= 1
        assert n == 1 or 0 < first < n
    np.testing.assert_array_equal(which, divided(label, share, seed=seed))
