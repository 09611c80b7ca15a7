"""What experiments that remove units one after another share."""

import numpy as np
import pytest

from precompute.experiments.ablation_orders import divided, orders, steps


def test_half_of_the_images_of_each_class_are_measured_on():
    label = np.repeat([0, 1, 2], [9, 2, 5])
    half = divided(label, 4, seed=0)
    assert [(half[label == c] >= 0).sum() for c in range(3)] == [4, 2, 4]
    assert [(half[label == c] == 1).sum() for c in range(3)] == [2, 1, 2]


def test_undefined_scores_rank_lowest_and_equal_ones_at_random():
    score = np.array([np.nan, 1.0, 3.0, 1.0, 1.0, 1.0])
    found = [orders(score, seed=seed) for seed in range(5)]
    for each in found:
        assert each[0][0] == 2
        assert each[0][-1] == 0
        assert (np.sort(each, axis=1) == np.arange(6)).all()
    assert len({tuple(each[0]) for each in found}) > 1


@pytest.mark.parametrize(("n_units", "share"), [(1, 0.1), (5, 0.01), (256, 0.1), (2048, 1e-6), (10, 1.0)])
def test_steps_rise_from_none_to_all(n_units, share):
    found = steps(n_units, share)
    assert found[0] == 0
    assert found[-1] == n_units
    assert (np.diff(found) > 0).all()
    assert len(found) <= max(9, n_units * share + 1)
