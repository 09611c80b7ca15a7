"""A unit as a detector, against counting pairs and against every way to break ties."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.detection import (
    best_area_by_chance,
    best_area_null,
    best_precision_null,
    one_against_rest,
    precision_at_k,
)

few = st.sampled_from([-1.0, 0.0, 0.0, 0.5, 2.0])
cases = st.integers(1, 7).flatmap(
    lambda n: st.tuples(st.lists(few, min_size=n, max_size=n), st.lists(st.integers(0, 2), min_size=n, max_size=n))
)


@given(cases)
def test_area_under_the_curve_is_the_share_of_pairs_in_order(case):
    values, label = case
    found = one_against_rest(np.array([values, [-v for v in values]]), np.array(label), 4)
    for c in range(4):
        own = [v for v, its in zip(values, label, strict=True) if its == c]
        rest = [v for v, its in zip(values, label, strict=True) if its != c]
        wins = [(a > b) + (a == b) / 2 for a in own for b in rest]
        expected = sum(wins) / len(wins) if wins else math.nan
        assert found[0, c] == pytest.approx(expected, nan_ok=True)
        assert found[1, c] == pytest.approx(1 - expected, nan_ok=True)


@given(cases, st.integers(1, 8))
def test_precision_is_the_average_over_all_ways_to_choose_among_ties(case, k):
    values, label = case
    n_images = len(values)
    orders = [
        order
        for order in itertools.permutations(range(n_images))
        if all(values[a] >= values[b] for a, b in itertools.pairwise(order))
    ]
    chosen = [order[:k] for order in orders]
    found = precision_at_k(np.array([values]), np.array(label), 3, k=k)
    for c in range(3):
        share = [sum(label[i] == c for i in images) / min(k, n_images) for images in chosen]
        assert found[0, c] == pytest.approx(sum(share) / len(share))
    assert found.sum() == pytest.approx(1)


def test_a_unit_at_rest_is_at_chance():
    label = np.array([0, 0, 0, 1])
    at_rest = np.zeros((1, 4))
    assert one_against_rest(at_rest, label, 2).tolist() == [[0.5, 0.5]]
    assert precision_at_k(at_rest, label, 2, k=2).tolist() == [[0.75, 0.25]]


def test_a_perfect_detector():
    label = np.array([0, 1, 0, 2])
    perfect = np.array([[0, 9.0, 0, 1]])
    assert one_against_rest(perfect, label, 3)[0, 1] == 1
    assert precision_at_k(perfect, label, 3, k=1)[0].tolist() == [0, 1, 0]


def test_without_images_nothing_is_defined():
    nothing = np.zeros((2, 0))
    for found in (
        one_against_rest(nothing, np.zeros(0, dtype=int), 3),
        precision_at_k(nothing, np.zeros(0, dtype=int), 3, k=4),
    ):
        assert found.shape == (2, 3)
        assert np.isnan(found).all()


def pure_noise(n_units=300, n_classes=5, n_images=20):
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(n_classes), n_images)
    return np.maximum(rng.normal(size=(n_units, len(label))), 0), label, n_classes


@pytest.mark.parametrize("null", [best_area_null, partial(best_precision_null, k=10)])
def test_the_best_of_many_classes_is_called_at_the_stated_rate_by_chance_and_a_detector_is_found(null):
    activation, label, n_classes = pure_noise()
    found = null(activation, label, n_classes, draws=39)
    assert np.mean(found.p <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(activation))
    assert found.observed.mean() == pytest.approx(found.expected.mean(), abs=0.01)
    planted = null(activation[:40] + 4.0 * (label == 3), label, n_classes, draws=39)
    assert (planted.p == 1 / 40).all()
    assert (planted.observed > planted.ceiling).all()


def test_nulls_hold_the_maximum_of_the_definition():
    activation, label, n_classes = pure_noise(n_units=4)
    area, precision = (
        null(activation, label, n_classes, draws=2) for null in (best_area_null, partial(best_precision_null, k=7))
    )
    np.testing.assert_allclose(area.observed, one_against_rest(activation, label, n_classes).max(axis=1))
    np.testing.assert_allclose(precision.observed, precision_at_k(activation, label, n_classes, k=7).max(axis=1))


@pytest.mark.parametrize(("n_of_class", "ties"), [(10, False), (60, False), (100, False), (60, True)])
def test_the_best_area_of_units_that_know_no_class_stays_below_its_level(n_of_class, ties):
    rng, label = np.random.default_rng(0), np.arange(200) < n_of_class
    ceiling, above = best_area_by_chance(n_of_class, 200, 24), 0
    for _ in range(300):
        activation = rng.random((24, 200))
        if ties:
            activation = np.maximum(activation, 0.8)
        above += one_against_rest(activation, label.astype(int), 2)[:, 1].max() > ceiling
    assert above / 300 < 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5
    assert ties or n_of_class == 10 or above / 300 > 0.01


def test_there_is_no_level_without_pairs_or_units():
    for numbers in ((0, 5, 3), (5, 5, 3), (1, 5, 0)):
        assert np.isnan(best_area_by_chance(*numbers))
    assert best_area_by_chance(1, 800, 48) == 1
