"""What the test can find, against simulating it."""

import numpy as np
import pytest
from scipy.stats import binom

from precompute.measures.binomial import at_least
from precompute.measures.maxdrop import max_drop_test
from precompute.measures.multiplicity import discrete_false_discovery
from precompute.measures.paired import PairedCounts
from precompute.measures.power import found_share


@pytest.mark.parametrize(
    ("tosses", "heads", "chance"), [(10, 3, 0.2), (50, 0, 0.1), (50, 51, 0.9), (20, 20, 0.5), (5, 1, 0)]
)
def test_at_least_so_many_heads(tosses, heads, chance):
    assert at_least(tosses, heads, chance) == pytest.approx(binom.sf(heads - 1, tosses, chance), abs=1e-12)


def test_drops_are_found_about_as_often_as_said():
    rng = np.random.default_rng(0)
    count, classes = np.full(100, 50), np.ones(100, dtype=bool)
    lost, gained = rng.binomial(50, 0.005, (2, 32, 100))
    counts = PairedCounts(lost, gained, count)
    test = max_drop_test(counts)
    drops = np.array([0.0, 0.1, 0.16, 0.24, 0.9])
    share = found_share(counts, test, classes, drops, level=0.05)
    assert (np.diff(share) > 0).all()
    assert share[0] == 0
    for drop, said in zip(drops[1:4], share[1:4], strict=True):
        found = 0
        for _ in range(150):
            more, less = rng.binomial(50, 0.005, (2, 1, 100))
            more[0, 0] += rng.binomial(50, drop)
            added = max_drop_test(PairedCounts(more, less, count))
            family = np.r_[added.p, test.p], (*added.attainable, *test.attainable)
            found += discrete_false_discovery(*family)[0] <= 0.05
        # One unit of middling noise stands for units of all noise.
        assert found / 150 == pytest.approx(said, abs=0.25)
