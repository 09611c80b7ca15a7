"""Drops to quote: what they are made of against plain loops, what they are worth by simulation."""

import numpy as np
import pytest
from scipy import stats

from precompute.measures import quoted
from precompute.measures.paired import PairedCounts
from precompute.measures.quoted import FEWEST_IMAGES, MOST_NAMED, quoted_drop
from tests.simulations import quoted_of_called


def layer(n_units=12, n_classes=8, n_images=60, drop=0.2, seed=0):
    """Units that each cost one class so much, and change other answers at random."""
    rng = np.random.default_rng(seed)
    own = rng.integers(0, n_classes, n_units)
    lost, gained = rng.binomial(n_images, 0.004, (2, n_units, n_classes))
    lost[np.arange(n_units), own] += rng.binomial(n_images - 8, drop, n_units)
    return PairedCounts(lost, gained, np.full(n_classes, n_images)), own


def test_likelihoods_are_those_of_the_multinomial_distribution():
    counts = PairedCounts(np.array([[3, 0]]), np.array([[1, 2]]), np.array([20, 9]))
    outcomes = quoted._outcomes(counts, np.array([True, True]))
    changes = np.full((1, len(quoted._CHANGE)), 1 / len(quoted._CHANGE))
    found = quoted._likelihood(outcomes, changes)
    for row, kind in enumerate(outcomes.kind):
        lost, gained, images = outcomes.counts[kind]
        slow = []
        for drop in quoted._DROP:
            total = 0.0
            for change in quoted._CHANGE:
                up, down = change + max(drop, 0), change + max(-drop, 0)
                if up + down < 1:
                    rest = images - lost - gained
                    total += stats.multinomial.pmf([lost, gained, rest], images, [up, down, 1 - up - down])
            slow.append(total)
        np.testing.assert_allclose(found[row] / found[row].sum(), np.array(slow) / sum(slow), rtol=1e-6, atol=1e-12)


def test_priors_are_distributions_whose_large_drops_have_the_mean_they_say():
    priors, *_ = quoted._priors()
    np.testing.assert_allclose(priors.sum(axis=1), 1)
    large = quoted._large(0.1, 40)
    losses = large * (quoted._DROP > 0)
    assert losses @ quoted._DROP / losses.sum() == pytest.approx(0.1, rel=0.05)


def test_which_class_loses_most_is_what_draws_say():
    rng = np.random.default_rng(3)
    posterior = rng.dirichlet(np.full(len(quoted._DROP), 0.5), 3)
    found = quoted._loses_most(posterior, np.array([1.0, 2.0, 1.0]))
    drawn = np.stack([rng.choice(quoted._DROP, 200_000, p=posterior[row]) for row in (0, 1, 1, 2)])
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
        sum(p * x * d for p, x, d in zip(prior, likely[0], quoted._DROP, strict=True)) / (prior @ likely[0])
        for prior in priors
    ]
    roots = [w**0.5 / sum(each**0.5 for each in share[0]) for w in share[0]]
    mean = sum(w * m for w, m in zip(roots, means, strict=True))
    variance = sum(w * (m - mean) ** 2 for w, m in zip(roots, means, strict=True))
    assert quoted._Mixture(priors, share[0]).left_open(likely[0]) == pytest.approx(variance**0.5)


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


CASES = [(50, 16, "8 pt"), (50, 16, "mixed"), (20, 10, "16 pt")]


@pytest.mark.parametrize(("n_images", "n_classes", "kind"), CASES)
def test_drops_of_picked_units_are_right_and_their_intervals_hold_them(n_images, n_classes, kind):
    """The small form of `python -m tests.simulations.quoted_of_called`."""
    rows = quoted_of_called.simulate(
        n_images=n_images, n_classes=n_classes, costs=quoted_of_called.PROMISED[kind], layers=12, seed=1
    )
    assert quoted_of_called.faults(rows) == []
