"""What the test can find, against simulating it."""

import numpy as np
import pytest
from scipy.stats import binom

from precompute.measures.binomial import at_least
from precompute.measures.maxdrop import max_drop_test
from precompute.measures.paired import PairedCounts
from precompute.measures.power import found_share
from tests.simulations import power_of_called


@pytest.mark.parametrize(
    ("tosses", "heads", "chance"),
    [(10, 3, 0.2), (50, 0, 0.1), (50, 51, 0.9), (20, 20, 0.5), (5, 1, 0), (5, 6, 1), (5, 5, 1)],
)
def test_at_least_so_many_heads(tosses, heads, chance):
    assert at_least(tosses, heads, chance) == pytest.approx(binom.sf(heads - 1, tosses, chance), abs=1e-12)


def test_more_is_found_of_larger_drops():
    rng = np.random.default_rng(0)
    counts = PairedCounts(*rng.binomial(50, 0.005, (2, 32, 100)), np.full(100, 50))
    drops = np.array([0.0, 0.1, 0.16, 0.24, 0.9])
    share = found_share(counts, max_drop_test(counts), np.ones(100, dtype=bool), drops, level=0.05)
    assert (np.diff(share) > 0).all()
    assert share[0] == 0
    assert share[-1] > 0.99


def test_an_image_that_is_gained_cannot_be_lost_too():
    # Of 30 images 25 are gained: were all 5 others lost, 5 against 25 would be no sign of a drop.
    counts = PairedCounts(np.array([[0]]), np.array([[25]]), np.array([30]))
    share = found_share(counts, max_drop_test(counts), np.ones(1, dtype=bool), np.array([1.0]), level=0.05)
    assert share.tolist() == [0]
    # With none gained, all 30 could be lost.
    counts = PairedCounts(np.array([[0]]), np.array([[0]]), np.array([30]))
    share = found_share(counts, max_drop_test(counts), np.ones(1, dtype=bool), np.array([1.0]), level=0.05)
    assert share.tolist() == [1]


@pytest.mark.parametrize("rate", power_of_called.RATES)
def test_drops_are_found_about_as_often_as_said(rate):
    """The small form of `python -m tests.simulations.power_of_called`."""
    said, _, found = power_of_called.simulate(n_images=50, n_classes=100, n_units=32, drop=0.14, rate=rate, draws=60)
    assert 0.05 < said < 0.95
    assert not power_of_called.wrong(said, found)
