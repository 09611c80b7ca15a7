"""Chance levels of an order against scipy and against shuffling."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from precompute.measures.enrichment import enrichment


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.integers(1, 35), st.randoms(use_true_random=False))
def test_the_count_is_hypergeometric_under_chance(sort, first, random):
    order = random.sample(range(len(sort)), len(sort))
    found = enrichment(np.array(order), np.array(sort), first=first)
    n = min(first, len(sort))
    assert found.first == n
    assert found.found == sum(sort[unit] for unit in order[:n])
    chance = stats.hypergeom(len(sort), sum(sort), n)
    assert found.expected == pytest.approx(n * sum(sort) / len(sort))
    assert found.p == pytest.approx(chance.sf(found.found - 1), rel=1e-9)


def test_shuffled_orders_are_as_enriched_as_expected():
    rng = np.random.default_rng(0)
    sort = np.arange(64) < 24
    drawn = [enrichment(rng.permutation(64), sort) for _ in range(2000)]
    assert np.mean([one.found for one in drawn]) == pytest.approx(drawn[0].expected, abs=0.15)
    assert np.mean([one.p <= 0.05 for one in drawn]) <= 0.06


def test_all_of_the_sort_first_is_no_chance():
    found = enrichment(np.arange(96), np.arange(96) < 20)
    assert (found.found, found.first) == (20, 20)
    assert found.p < 1e-18
