"""Drops to quote: what they are made of against plain loops, what they are worth by simulation."""

import numpy as np
import pytest
from scipy import stats

from precompute.measures import quoted
from precompute.measures.drop_priors import DROPS, LOSSES, gamma_drops, priors_of_drops
from precompute.measures.paired import PairedCounts
from precompute.measures.preferred import MOST_NAMED
from precompute.measures.quoted import FEWEST_IMAGES, quoted_drop
from tests.everyday import everyday
from tests.simulations import quoted_of_called


def layer(n_units=12, n_classes=8, n_images=60, drop=0.2, seed=0):
    """Units that each cost one class so much, and change other answers at random."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, n_classes, n_units)
    lost, gained = rng.binomial(n_images, 0.004, (2, n_units, n_classes))
    lost[np.arange(n_units), own] += rng.binomial(n_images - 8, drop, n_units)
    return PairedCounts(lost, gained, np.full(n_classes, n_images)), own


@pytest.mark.parametrize("beside", [1, 0.25])
def test_likelihoods_are_those_of_the_multinomial_distribution(beside):
    counts = PairedCounts(np.array([[3, 0]]), np.array([[1, 2]]), np.array([20, 9]))
    outcomes = quoted._outcomes(counts, np.array([True, True]))
    changes = np.full((1, len(quoted._CHANGE)), 1 / len(quoted._CHANGE))
    found = quoted._likelihood(outcomes, changes, beside)[0]
    for row, kind in enumerate(outcomes.kind):
        lost, gained, images = outcomes.counts[kind]
        slow = []
        for drop in DROPS:
            total = 0.0
            for change in quoted._CHANGE:
                up, down = beside * change + max(drop, 0), change + max(-drop, 0)
                if up + down < 1:
                    rest = images - lost - gained
                    total += stats.multinomial.pmf([lost, gained, rest], images, [up, down, 1 - up - down])
            slow.append(total)
        np.testing.assert_allclose(found[row] / found[row].sum(), np.array(slow) / sum(slow), rtol=1e-6, atol=1e-12)


def test_priors_are_distributions_whose_large_drops_have_the_mean_they_say():
    priors, *_ = priors_of_drops()
    np.testing.assert_allclose(priors.sum(axis=1), 1)
    large = gamma_drops(0.1, 40)
    losses = large * (DROPS > 0)
    assert losses @ DROPS / losses.sum() == pytest.approx(0.1, rel=0.05)


def test_which_class_loses_most_is_what_draws_say():
    rng = np.random.default_rng(3)
    posterior = rng.dirichlet(np.full(len(DROPS), 0.5), 3)
    found = quoted._loses_most(posterior, np.array([1.0, 2.0, 1.0]))
    drawn = np.stack([rng.choice(DROPS, 200_000, p=posterior[row]) for row in (0, 1, 1, 2)])
    best = drawn == drawn.max(axis=0)
    share = (best & (best.sum(axis=0) == 1)).mean(axis=1)
    np.testing.assert_allclose(found, share[[0, 1, 3]], atol=0.02)


def test_the_class_that_loses_is_named_with_an_interval_around_its_drop():
    counts, own = layer()
    found = quoted_drop(counts)
    named = ~np.isnan(found.chosen)
    assert named.mean() > 0.8
    np.testing.assert_array_equal(found.chosen[named], own[named])
    assert (found.low < found.high)[named].all()
    told = ~np.isnan(found.drop)
    assert (named | ~told).all()
    assert ((found.low <= found.drop) & (found.drop <= found.high))[told].all()
    np.testing.assert_array_equal(found.named[named, 0], found.chosen[named])
    assert found.named.shape == (len(own), MOST_NAMED)


def test_estimates_of_alike_units_are_drawn_together():
    counts, _ = layer(n_units=40, n_images=200)
    found = quoted_drop(counts)
    raw = counts.drop.max(axis=1)
    assert not np.isnan(found.drop).all()
    assert np.nanstd(found.drop) < 0.6 * raw.std()


def test_nothing_is_named_where_no_unit_does_anything():
    for seed in range(3):
        lost, gained = np.random.default_rng(seed).binomial(60, 0.004, (2, 20, 10))
        assert np.isnan(quoted_drop(PairedCounts(lost, gained, np.full(10, 60))).chosen).mean() >= 0.95
    nothing = np.zeros((4, 3), dtype=int)
    assert np.isnan(quoted_drop(PairedCounts(nothing, nothing, np.full(3, 50))).chosen).all()
    assert np.isnan(quoted_drop(PairedCounts(nothing, nothing, np.zeros(3, dtype=int))).low).all()
    assert quoted_drop(PairedCounts(nothing[:0], nothing[:0], np.full(3, 50))).drop.shape == (0,)


def test_below_the_fewest_images_there_is_an_interval_and_no_number():
    counts, _ = layer(n_images=FEWEST_IMAGES - 10, drop=0.4)
    found = quoted_drop(counts)
    named = ~np.isnan(found.chosen)
    assert named.any()
    assert np.isnan(found.drop).all()
    assert not np.isnan(found.low[named]).any()


def test_a_number_is_told_only_where_the_layer_settles_it():
    few, many = (quoted_drop(layer(n_images=n, drop=0.2, n_units=units)[0]) for n, units in ((60, 2), (2000, 12)))
    assert np.isnan(few.drop).all()
    assert not np.isnan(few.low).all()
    assert not np.isnan(many.drop[~np.isnan(many.chosen)]).any()


def test_what_is_left_open_is_the_deviation_over_the_combinations():
    priors, share, likely = (np.random.default_rng(4).dirichlet(np.ones(n), m) for n, m in ((181, 5), (5, 1), (181, 1)))
    means = [
        sum(p * x * d for p, x, d in zip(prior, likely[0], DROPS, strict=True)) / (prior @ likely[0])
        for prior in priors
    ]
    power = quoted._WARY
    roots = [w**power / sum(each**power for each in share[0]) for w in share[0]]
    mean = sum(w * m for w, m in zip(roots, means, strict=True))
    variance = sum(w * (m - mean) ** 2 for w, m in zip(roots, means, strict=True))
    assert quoted._Mixture(priors, share[0]).left_open(likely[0]) == pytest.approx(variance**0.5)


def test_distributions_of_any_form_are_steps_of_the_em_algorithm_that_fit_better_and_better():
    counts, _ = layer(n_units=5, n_classes=4)
    outcomes = quoted._outcomes(counts, np.ones(4, dtype=bool))
    likely = quoted._likelihood(outcomes, quoted._changes(outcomes), 1)[0]
    start = np.full(len(DROPS), 1 / len(DROPS))
    found = quoted._of_any_form(outcomes, likely, start)
    slow = start.copy()
    for step in range(1, max(quoted._FREE_STEPS) + 1):
        pairs = [times * slow * row / (slow @ row) for row, times in zip(likely, outcomes.times, strict=True)]
        slow = sum(pairs) / sum(outcomes.times)
        if step in quoted._FREE_STEPS:
            np.testing.assert_allclose(found[quoted._FREE_STEPS.index(step)], slow, rtol=1e-6, atol=1e-15)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    fit = quoted._fit(outcomes, likely, np.concatenate([start[None], found[: len(quoted._FREE_STEPS)]]))
    assert (np.diff(fit) > 0).all()


def test_close_drops_are_gathered_on_their_mean_and_far_ones_are_not():
    free = np.zeros(len(DROPS))
    n, where = len(LOSSES), {10: 0.1, 12: 0.3, 50: 0.2}
    for place, mass in where.items():
        free[place - n] = mass
    free[n], free[5] = 0.3, 0.1
    found = quoted._gathered(free, 2)
    expected = np.zeros(len(free))
    expected[round((10 * 0.1 + 12 * 0.3) / 0.4) - n] = 0.4
    expected[50 - n], expected[n], expected[5] = 0.2, 0.3, 0.1
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(quoted._gathered(free, 40)[-n:].max(), 0.6)


def test_the_interval_spans_what_the_combinations_alone_and_those_of_any_form_say():
    found = quoted._nothing(1)
    found.named[0, 0] = 2
    one, other = (np.where(np.isclose(DROPS, at), 1.0, 0.0) for at in (LOSSES[30], LOSSES[60]))
    quoted._quote(found, 0, one, np.stack([one, other]), aside=0, settled=True)
    assert found.low[0] < LOSSES[30] < LOSSES[60] < found.high[0]
    assert found.drop[0] == pytest.approx(LOSSES[30])
    less = quoted._nothing(1)
    less.named[0, 0] = 2
    quoted._quote(less, 0, one, np.stack([one, other]), aside=0.01, settled=True)
    assert (less.low[0], less.high[0]) == pytest.approx((found.low[0] - 0.01, found.high[0] - 0.01))
    assert less.drop[0] == pytest.approx(LOSSES[30] - 0.01)


@pytest.mark.parametrize("beside", [1, 0.1])
def test_fewer_images_lost_than_gained_by_chance_are_noticed_only_where_they_are(beside):
    rng = np.random.default_rng(4)
    lost, gained = (rng.binomial(100, 0.02 * times, (30, 12)) for times in (beside, 1))
    outcomes = quoted._outcomes(PairedCounts(lost, gained, np.full(12, 100)), np.ones(12, dtype=bool))
    assert quoted._lost_beside_gained(outcomes, quoted._changes(outcomes)) == beside


def test_classes_that_take_no_part_are_not_named():
    counts, own = layer()
    found = quoted_drop(counts, np.arange(8) != own[0])
    assert not (found.named == own[0]).any()


def test_the_order_of_units_and_classes_does_not_matter():
    counts, _ = layer(n_units=6)
    units, classes = np.array([3, 0, 5, 1, 4, 2]), np.array([7, 2, 0, 1, 6, 5, 4, 3])
    moved = PairedCounts(counts.lost[units][:, classes], counts.gained[units][:, classes], counts.count[classes])
    one, other = quoted_drop(counts), quoted_drop(moved)
    np.testing.assert_allclose(other.drop, one.drop[units], rtol=1e-9)
    np.testing.assert_allclose(other.low, one.low[units], rtol=1e-9, atol=1e-12)


PROMISED, OTHERS, NETWORKS = quoted_of_called.PROMISED, quoted_of_called.OTHERS, quoted_of_called.NETWORKS
CASES = {
    "50 images, 8 points in all": (50, 16, PROMISED["8 pt"], quoted_of_called.PLAIN),
    "50 images, mixed": (50, 16, PROMISED["mixed"], quoted_of_called.PLAIN),
    "20 images, 16 points": (20, 10, PROMISED["16 pt"], quoted_of_called.PLAIN),
    "two kinds of units": (500, 10, OTHERS["4 or 20 in all"], quoted_of_called.PLAIN),
    "two kinds, 50 images": (50, 16, OTHERS["4 or 20 in all"], quoted_of_called.PLAIN),
    "redundant pairs": (500, 10, OTHERS["2 to 30 in all"], NETWORKS["redundant pairs"]),
    "gains and losses": (500, 10, PROMISED["mixed"], NETWORKS["gains and losses"]),
    "more gained than lost": (50, 16, PROMISED["8 pt"], NETWORKS["30 % right, more gained"]),
    "30 % right, unequal rates": (50, 16, PROMISED["16 pt"], quoted_of_called.Network.of(0.3, rates=0.8, unequal=True)),
}


# One of each number of images and kind of network.
DAILY = ("50 images, mixed", "20 images, 16 points", "redundant pairs", "30 % right, unequal rates")


@pytest.mark.parametrize("case", everyday(CASES, DAILY.__contains__))
def test_drops_of_picked_units_are_right_and_their_intervals_hold_them(case):
    """The small form of `python -m tests.simulations.quoted_of_called`."""
    n_images, n_classes, costs, network = CASES[case]
    rows = quoted_of_called.simulate(
        n_images=n_images, n_classes=n_classes, costs=costs, layers=20, seed=1, network=network
    )
    assert quoted_of_called.faults(rows) == []
