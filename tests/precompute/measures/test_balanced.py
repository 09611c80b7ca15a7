"""Balanced accuracy against looking at image after image."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.measures.balanced import balanced_accuracy

OUTPUTS = [3, 0, 4]
"""The output that each class is; the network has others too."""


def of_answers(predictions, label, outputs):
    """Balanced accuracy of every class, from what the network says of every image: (prediction, class)."""
    predictions, label, outputs = (np.array(values, dtype=int) for values in (predictions, label, outputs))
    named = predictions[:, :, None] == outputs
    own = label[:, None] == np.arange(len(outputs))
    return balanced_accuracy((named & own).sum(axis=1), named.sum(axis=1), own.sum(axis=0), len(label))


def slow_balanced(prediction, label, c, output):
    own = [said == output for said, its in zip(prediction, label, strict=True) if its == c]
    rest = [said != output for said, its in zip(prediction, label, strict=True) if its != c]
    return (sum(own) / len(own) + sum(rest) / len(rest)) / 2 if own and rest else math.nan


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
    found = of_answers(predictions, label, OUTPUTS)
    for row, prediction in enumerate(predictions):
        expected = [slow_balanced(prediction, label, c, output) for c, output in enumerate(OUTPUTS)]
        np.testing.assert_allclose(found[row], expected, rtol=1e-12)


def test_chance_is_one_half_however_many_classes_there_are():
    rng = np.random.default_rng(0)
    label, predictions = np.arange(20_000) % 20, rng.integers(0, 20, (3, 20_000))
    np.testing.assert_allclose(of_answers(predictions, label, np.arange(20)), 0.5, atol=0.03)


def test_losing_twenty_points_of_a_class_loses_about_ten():
    label = np.arange(1000) % 10
    prediction = label.copy()
    lost = np.flatnonzero(label == 4)[:20]
    prediction[lost] = 5
    (found,) = of_answers([prediction], label, np.arange(10))
    assert found[4] == pytest.approx(0.9)
    assert found[5] == pytest.approx(1 - 20 / 900 / 2)
