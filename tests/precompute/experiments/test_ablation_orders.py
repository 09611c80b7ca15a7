"""What experiments that remove units one after another share."""

import numpy as np
import pytest

from precompute.experiments.ablation_orders import orders, rows_of_steps, steps


def test_undefined_scores_rank_lowest_and_equal_ones_at_random():
    score = np.array([np.nan, 1.0, 3.0, 1.0, 1.0, 1.0])
    found = [orders(score, seed=seed) for seed in range(5)]
    for each in found:
        assert each[0][0] == 2
        assert each[0][-1] == 0
        assert (np.sort(each, axis=1) == np.arange(6)).all()
        assert (each[1] == each[0][::-1]).all()
    assert len({tuple(each[0]) for each in found}) > 1


@pytest.mark.parametrize(("n_units", "share"), [(1, 0.1), (5, 0.01), (256, 0.1), (2048, 1e-6), (10, 1.0)])
def test_steps_rise_from_none_to_all(n_units, share):
    found = steps(n_units, share)
    assert found[0] == 0
    assert found[-1] == n_units
    assert (np.diff(found) > 0).all()
    assert len(found) <= max(9, n_units * share + 1)


@pytest.mark.parametrize(("n_orders", "n_steps"), [(1, 2), (3, 2), (3, 5)])
def test_rows_are_those_of_ablations_listed_step_by_step(n_orders, n_steps):
    between = [(order, step) for step in range(1, n_steps - 1) for order in range(n_orders)]
    listed = ["none", *between, "all"]
    ends = {0: "none", n_steps - 1: "all"}
    expected = [[listed.index(ends.get(step, (order, step))) for step in range(n_steps)] for order in range(n_orders)]
    assert rows_of_steps(n_orders, n_steps).tolist() == expected
