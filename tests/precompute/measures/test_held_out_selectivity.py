"""Selectivity with the class from other images, against its definition and for units that prefer nothing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from precompute.measures.halves import halves
from precompute.measures.held_out_selectivity import cross_validated_selectivity, selectivity_null
from precompute.measures.selectivity import class_means, class_selectivity

tables = st.tuples(st.integers(1, 3), st.integers(1, 5)).flatmap(
    lambda shape: st.tuples(*[hnp.arrays(np.float64, shape, elements=st.sampled_from([0, 0, 0.25, 1, 3]))] * 2)
)


def slow_both_ways(one, other):
    """Index and chosen class, from the classes that have images in both halves."""
    classes = [c for c, (a, b) in enumerate(zip(one, other, strict=True)) if a == a and b == b]
    parts, choices = [], []
    for choose, read in ((one, other), (other, one)):
        if len(classes) < 2 or not any(choose[c] for c in classes):
            return math.nan, math.nan
        chosen = max(classes, key=lambda c: (choose[c], -c))
        parts.append((read[chosen], sum(read[c] for c in classes if c != chosen) / (len(classes) - 1)))
        choices.append(chosen)
    own, rest = (sum(side) for side in zip(*parts, strict=True))
    if not own + rest:
        return math.nan, math.nan
    return (own - rest) / (own + rest), choices[0] if choices[0] == choices[1] else math.nan


@given(tables, st.sets(st.integers(0, 4)), st.sets(st.integers(0, 4)))
def test_the_class_comes_from_one_half_the_index_from_the_other_and_both_ways_add_up(pair, no_first, no_second):
    one, other = (table.copy() for table in pair)
    for table, missing in ((one, no_first), (other, no_second)):
        table[:, [c for c in missing if c < table.shape[1]]] = np.nan
    index, chosen = cross_validated_selectivity(one, other)
    expected = np.array([slow_both_ways(*rows) for rows in zip(one.tolist(), other.tolist(), strict=True)]).T
    np.testing.assert_allclose(index, expected[0], atol=1e-12)
    np.testing.assert_array_equal(chosen, expected[1])
    assert ((np.abs(index) <= 1) | np.isnan(index)).all()


@given(tables)
def test_one_table_twice_gives_the_plain_index(pair):
    for found, plain in zip(cross_validated_selectivity(pair[0], pair[0]), class_selectivity(pair[0]), strict=True):
        np.testing.assert_allclose(found, plain, atol=1e-12)


def rare_units(n_units=150, n_classes=20, n_images=20, preference=0.0):
    """Units that are rarely active, whatever the class, but for a preference of class 3."""
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(n_classes), n_images)
    active = rng.random((n_units, len(label))) < 0.1 + preference * (label == 3)
    return active * rng.exponential(size=active.shape), label, n_classes


def test_a_unit_that_prefers_nothing_looks_selective_but_not_on_other_images():
    activation, label, n_classes = rare_units()
    assert class_selectivity(class_means(activation, label, n_classes))[0].mean() > 0.4
    held_out = selectivity_null(activation, label, n_classes, half=halves(label), draws=39)
    assert held_out.observed.mean() < 0
    # A ratio of noisy means leans below zero, and its null says by how much.
    assert held_out.expected.mean() == pytest.approx(held_out.observed.mean(), abs=0.08)
    assert np.mean(held_out.p <= 0.05) == pytest.approx(0.05, abs=0.05)


def test_with_many_images_a_unit_that_prefers_nothing_has_a_held_out_index_of_zero():
    activation, label, n_classes = rare_units(n_classes=5, n_images=400)
    half = halves(label)
    means = [class_means(activation[:, half == h], label[half == h], n_classes) for h in (0, 1)]
    assert cross_validated_selectivity(*means)[0].mean() == pytest.approx(0, abs=0.05)


def test_a_real_preference_survives():
    activation, label, n_classes = rare_units(n_units=20, n_images=60, preference=0.5)
    found = selectivity_null(activation, label, n_classes, half=halves(label), draws=39)
    assert found.observed.mean() > 0.6
    assert np.mean(found.p == 1 / 40) > 0.8


def test_the_null_of_shuffled_labels_is_at_the_stated_rate_and_as_high_as_chance_makes_it():
    case = rare_units()
    found = selectivity_null(*case, draws=39)
    assert np.mean(found.p <= 0.05) == pytest.approx(0.05, abs=0.05)
    assert found.expected.mean() == pytest.approx(found.observed.mean(), abs=0.03)
    planted = selectivity_null(*rare_units(n_units=20, n_images=60, preference=0.5), draws=39)
    assert np.mean(planted.p == 1 / 40) > 0.8


def test_dead_units_have_no_selectivity_and_negative_means_are_refused():
    index, chosen = cross_validated_selectivity(np.array([[0.0, 0], [1, 0]]), np.array([[1.0, 0], [0, 0]]))
    assert np.isnan([index, chosen]).all()
    for pair in (([[-1.0, 1]], [[1.0, 1]]), ([[1.0, 1]], [[-1.0, 1]])):
        with pytest.raises(ValueError, match="nowhere below zero"):
            cross_validated_selectivity(*map(np.array, pair))
