"""Balanced accuracy against counting images."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.balanced import balanced_accuracy


@given(
    st.integers(0, 9).flatmap(
        lambda n: st.tuples(
            *[st.lists(st.integers(0, 4), min_size=n, max_size=n)] * 2,
            st.lists(st.integers(0, 2), min_size=n, max_size=n),
        )
    )
)
def test_it_is_the_mean_of_hits_and_correct_rejections(case):
    *predictions, label = case
    outputs = [3, 0, 4]
    found = balanced_accuracy(np.array(predictions, dtype=int), np.array(label, dtype=int), np.array(outputs))
    for row, prediction in enumerate(predictions):
        for c, output in enumerate(outputs):
            own = [p == output for p, its in zip(prediction, label, strict=True) if its == c]
            rest = [p != output for p, its in zip(prediction, label, strict=True) if its != c]
            expected = (sum(own) / len(own) + sum(rest) / len(rest)) / 2 if own and rest else math.nan
            assert found[row, c] == pytest.approx(expected, nan_ok=True)


def test_chance_is_one_half_however_many_classes_there_are():
    rng = np.random.default_rng(0)
    label, prediction = np.arange(20_000) % 20, rng.integers(0, 20, (3, 20_000))
    np.testing.assert_allclose(balanced_accuracy(prediction, label, np.arange(20)), 0.5, atol=0.03)


def test_losing_twenty_points_of_a_class_loses_about_ten():
    label = np.arange(1000) % 10
    prediction = label.copy()
    lost = np.flatnonzero(label == 4)[:20]
    prediction[lost] = 5
    found = balanced_accuracy(prediction, label, np.arange(10))
    assert found[4] == pytest.approx(0.9)
    assert found[5] == pytest.approx(1 - 20 / 900 / 2)
