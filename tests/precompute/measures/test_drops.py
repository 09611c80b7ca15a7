"""Counts and drops against loops over every unit and image."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.drops import (
    Answers,
    class_drops,
    correct_without,
    drop_measures,
    max_class_drop,
    overall_drop,
)
from precompute.measures.table import rows_for


@st.composite
def sweeps(draw):
    """Answers with nothing ablated, and the prediction of every (unit, image) without the unit."""
    n_classes = draw(st.integers(1, 4))
    n_outputs = n_classes + draw(st.integers(0, 2))
    n_images, n_units = draw(st.integers(0, 10)), draw(st.integers(1, 4))
    output = np.array(draw(st.permutations(range(n_outputs)))[:n_classes])
    label = draw(st.lists(st.integers(0, n_classes - 1), min_size=n_images, max_size=n_images))
    answers = st.lists(st.integers(0, n_outputs - 1), min_size=n_images, max_size=n_images)
    label = np.array(label, dtype=int)
    before = Answers(np.array(draw(answers), dtype=int), output[label], label, n_classes)
    without = np.array([draw(answers) for _ in range(n_units)], dtype=int).reshape(n_units, n_images)
    return before, without


def flips_of(before, without):
    unit, image = np.nonzero(without != before.prediction)
    return unit, image, without[unit, image]


def drops_of(before, without):
    correct = correct_without(*flips_of(before, without), len(without), before)
    return correct, class_drops(before.correct, correct, before.count)


def slow_accuracy(prediction, before, c):
    right = [p == t for p, t, label in zip(prediction, before.target, before.label, strict=True) if label == c]
    return sum(right) / len(right) if right else math.nan


@given(sweeps())
def test_counts_are_those_of_every_prediction_without_the_unit(case):
    before, without = case
    correct, _ = drops_of(before, without)
    for unit, prediction in enumerate(without):
        for c in range(before.n_classes):
            right = [p == t for p, t, label in zip(prediction, before.target, before.label, strict=True) if label == c]
            assert correct[unit, c] == sum(right)


@given(sweeps())
def test_class_drops_are_accuracy_before_minus_accuracy_without(case):
    before, without = case
    _, drop = drops_of(before, without)
    for unit, prediction in enumerate(without):
        for c in range(before.n_classes):
            expected = slow_accuracy(before.prediction, before, c) - slow_accuracy(prediction, before, c)
            assert drop[unit, c] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(sweeps())
def test_overall_drops_are_those_of_all_images(case):
    before, without = case
    correct, _ = drops_of(before, without)
    found = overall_drop(before.correct, correct, before.count)
    for unit, prediction in enumerate(without):
        if len(prediction):
            expected = np.mean(before.prediction == before.target) - np.mean(prediction == before.target)
            assert found[unit] == pytest.approx(expected, abs=1e-12)
        else:
            assert math.isnan(found[unit])


def test_the_drops_that_every_run_writes_are_those_that_have_rows():
    before = Answers(np.array([0, 1, 0]), np.array([0, 1, 1]), np.array([0, 1, 1]), 2)
    found = drop_measures(before, np.array([[0, 1], [1, 2]]))
    assert list(found) == [row.name for row in rows_for("zero")]
    np.testing.assert_allclose(found["overall_drop"], [1 / 3, -1 / 3])
    np.testing.assert_allclose(found["max_class_drop"], [1, 0])
    np.testing.assert_array_equal(found["max_class_drop_class"], [0, np.nan])


@given(sweeps())
def test_the_largest_class_drop_is_the_first_largest_over_classes_with_images(case):
    before, without = case
    _, drop = drops_of(before, without)
    largest, worst = max_class_drop(drop)
    for unit, row in enumerate(drop.tolist()):
        held = {c: lost for c, lost in enumerate(row) if not math.isnan(lost)}
        if not held:
            assert math.isnan(largest[unit])
            assert math.isnan(worst[unit])
            continue
        assert largest[unit] == max(held.values())
        first = min(c for c, lost in held.items() if lost == largest[unit])
        np.testing.assert_equal(worst[unit], first if largest[unit] > 0 else math.nan)


@given(sweeps())
def test_drops_lie_between_minus_1_and_1(case):
    before, without = case
    correct, drop = drops_of(before, without)
    assert ((correct >= 0) & (correct <= before.count)).all()
    assert (np.abs(drop[:, before.count > 0]) <= 1).all()
    np.testing.assert_array_equal(np.isnan(drop), np.broadcast_to(before.count == 0, drop.shape))


@given(sweeps(), st.randoms(use_true_random=False))
def test_reordering_units_reorders_the_drops(case, random):
    before, without = case
    order = random.sample(range(len(without)), len(without))
    _, drop = drops_of(before, without)
    _, reordered = drops_of(before, without[order])
    np.testing.assert_array_equal(reordered, drop[order])


@given(sweeps(), st.randoms(use_true_random=False))
def test_reordering_images_changes_no_drop(case, random):
    before, without = case
    order = np.array(random.sample(range(len(before.label)), len(before.label)), dtype=int)
    moved = Answers(before.prediction[order], before.target[order], before.label[order], before.n_classes)
    np.testing.assert_array_equal(drops_of(moved, without[:, order])[1], drops_of(before, without)[1])


@given(sweeps())
def test_the_order_of_flips_does_not_matter(case):
    before, without = case
    unit, image, prediction = flips_of(before, without)
    backwards = correct_without(unit[::-1], image[::-1], prediction[::-1], len(without), before)
    np.testing.assert_array_equal(backwards, drops_of(before, without)[0])


@given(sweeps())
def test_a_unit_without_flips_loses_nothing(case):
    before, without = case
    without[0] = before.prediction
    correct, drop = drops_of(before, without)
    np.testing.assert_array_equal(correct[0], before.correct)
    assert (np.nan_to_num(drop[0]) == 0).all()
    assert np.isnan(max_class_drop(drop)[1][0])


def test_the_arg_max_counts_over_all_outputs_not_only_over_the_classes():
    before = Answers(np.array([7, 3]), np.array([7, 7]), np.array([0, 0]), 1)
    np.testing.assert_array_equal(before.correct, [1])
    # Output 5 is not a class at all; a flip from one wrong output to another changes no count.
    correct = correct_without(np.array([0, 1]), np.array([0, 1]), np.array([5, 5]), 2, before)
    np.testing.assert_array_equal(correct, [[0], [1]])


def test_a_unit_whose_loss_helps_every_class_has_a_negative_largest_drop_and_no_class():
    largest, worst = max_class_drop(np.array([[-0.25, -0.5, np.nan]]))
    assert largest[0] == -0.25
    assert np.isnan(worst[0])
