"""Average precision and F1, against counting at every threshold in plain Python."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.halves import halves
from precompute.measures.retrieval import average_precision, detection_null, f1_on_other, held_out_detection

few = st.sampled_from([-1.0, 0.0, 0.0, 0.5, 2.0])
cases = st.integers(1, 9).flatmap(
    lambda n: st.tuples(
        st.lists(few, min_size=n, max_size=n),
        st.lists(st.integers(0, 2), min_size=n, max_size=n),
        st.lists(st.integers(0, 1), min_size=n, max_size=n),
    )
)


def slow_f1(values, label, c, threshold):
    found = [v >= threshold for v in values]
    true = sum(f and its == c for f, its in zip(found, label, strict=True))
    false = sum(f and its != c for f, its in zip(found, label, strict=True))
    missed = sum(not f and its == c for f, its in zip(found, label, strict=True))
    return 2 * true / (2 * true + false + missed) if true + missed else math.nan


def slow_precision(values, label, c):
    """Precision summed over the steps of recall, from the highest threshold down."""
    n_own, area, recall = label.count(c), 0.0, 0.0
    if not n_own:
        return math.nan
    for threshold in sorted(set(values), reverse=True):
        found = [its for v, its in zip(values, label, strict=True) if v >= threshold]
        reached = found.count(c) / n_own
        area += (reached - recall) * found.count(c) / len(found)
        recall = reached
    return area


def slow_threshold(values, label, c):
    """The best threshold among the activations, the highest of equals."""
    return max(sorted(set(values), reverse=True), key=lambda t: slow_f1(values, label, c, t))


@given(cases)
def test_average_precision_is_precision_over_steps_of_recall(case):
    values, label, _ = case
    found = average_precision(np.array([values, [-v for v in values]]), np.array(label), 4)
    for c in range(4):
        assert found[0, c] == pytest.approx(slow_precision(values, label, c), nan_ok=True)
        assert found[1, c] == pytest.approx(slow_precision([-v for v in values], label, c), nan_ok=True)


@given(cases)
def test_a_threshold_is_chosen_on_one_half_and_read_on_the_other(case):
    values, label, half = case
    sides = [
        (
            [v for v, h in zip(values, half, strict=True) if h == side],
            [its for its, h in zip(label, half, strict=True) if h == side],
        )
        for side in (0, 1)
    ]
    found = f1_on_other(np.array([values]), np.array(label), 3, np.array(half))
    for c in range(3):
        if all(c in its for _, its in sides):
            ways = [slow_f1(*sides[1 - a], c, slow_threshold(*sides[a], c)) for a in (0, 1)]
            assert found[0, c] == pytest.approx(sum(ways) / 2)
        else:
            assert math.isnan(found[0, c])


@given(cases)
def test_the_class_is_chosen_on_one_half_and_read_on_the_other(case):
    values, label, half = case
    values, label, half = np.array([values]), np.array(label), np.array(half)
    found = held_out_detection(values, label, 3, half)
    tables = [average_precision(values[:, half == h], label[half == h], 3)[0] for h in (0, 1)]
    both = ~np.isnan(tables[0]) & ~np.isnan(tables[1])
    if not both.any():
        assert np.isnan([found.average_precision[0], found.f1[0], found.chosen[0]]).all()
        return
    chosen = [int(np.where(both, np.nan_to_num(table, nan=-1), -1).argmax()) for table in tables]
    assert found.average_precision[0] == pytest.approx((tables[1][chosen[0]] + tables[0][chosen[1]]) / 2)
    if chosen[0] == chosen[1]:
        assert found.chosen[0] == chosen[0]
    else:
        assert np.isnan(found.chosen[0])


def layer(n_units=200, n_classes=5, n_images=20):
    rng = np.random.default_rng(0)
    label = np.repeat(np.arange(n_classes), n_images)
    return np.maximum(rng.normal(size=(n_units, len(label))), 0), label, n_classes


def test_a_perfect_detector_has_one_of_either():
    activation, label, n_classes = layer(n_units=1)
    perfect = held_out_detection(activation + 9 * (label == 3), label, n_classes, halves(label))
    assert perfect.average_precision.tolist() == [1]
    assert perfect.f1[0] > 0.8
    assert perfect.chosen.tolist() == [3]


def test_units_that_detect_nothing_are_called_at_the_stated_rate_and_lie_at_the_share_of_the_class():
    activation, label, n_classes = layer()
    found = detection_null(activation, label, n_classes, halves(label), draws=39)
    assert (np.mean(found.p <= 0.05, axis=1) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(activation))).all()
    # Read on other images, the best class is as any: precision near its share, F1 at most that of always saying yes.
    assert found.observed[0].mean() == pytest.approx(1 / n_classes, abs=0.06)
    assert found.observed[1].mean() <= 2 / (1 + n_classes)
    planted = detection_null(activation[:30] + 4.0 * (label == 2), label, n_classes, halves(label), draws=39)
    assert (planted.p == 1 / 40).all()
    assert (planted.observed > planted.ceiling).all()


def test_both_fall_when_labels_are_taken_away_or_added():
    """The two sanity tests that they are here for."""
    rng = np.random.default_rng(1)
    label = np.repeat([0, 1], [100, 400])
    detector = ((label == 0) + 0.01 * rng.random(500))[None]
    half = halves(label)
    missing = np.where((label == 0) & (rng.random(500) < 0.5), 1, label)
    extra = np.where((label == 1) & (rng.random(500) < 0.25), 0, label)
    for changed in (missing, extra):
        for score in (average_precision, lambda *given: f1_on_other(*given, half)):
            assert score(detector, changed, 2)[0, 0] < 0.8 * score(detector, label, 2)[0, 0]
