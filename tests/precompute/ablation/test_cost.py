"""Costs against an ablater whose costs are known."""

import pytest
import torch

from precompute.ablation import cost as costing
from precompute.ablation.ablations import Changed, each_unit
from precompute.ablation.cost import Cost, measure_cost

CPU = torch.device("cpu")


class Clock:
    def __init__(self):
        self.now = 0.0

    def start(self, _device):
        started = self.now
        return lambda: self.now - started


class Known:
    """An ablater that takes known times, by a clock of its own, and is not the plain method."""

    plain = None

    def __init__(self, clock, cost):
        self.clock, self.cost = clock, cost

    def sweep(self, inputs, ablations, at_layer=None):
        self.clock.now += self.cost.seconds(len(inputs), len(ablations), shard_size=len(inputs))
        yield Changed(torch.zeros(1, dtype=torch.int64), torch.arange(1), torch.zeros(1, 2))


@pytest.mark.parametrize(
    "cost", [Cost(0.1, 0.02, 1e-4), Cost(0.0, 0.0, 0.01), Cost(0.5, 1.0, 1e-3), Cost(0, 1e-4, 1e-6)]
)
@pytest.mark.parametrize("n_units", [1, 2, 16, 2000])
def test_the_time_of_a_long_sweep_follows_from_short_ones(cost, n_units, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(costing, "work_clock", clock.start)
    found = measure_cost(Known(clock, cost), torch.zeros(8, 3, 4, 4), each_unit([0.0] * n_units), device=CPU)
    patience = clock.now
    expected = cost.seconds(1000, n_units, shard_size=250)
    if n_units > 2:
        assert found.seconds(1000, n_units, shard_size=250) == pytest.approx(expected, rel=1e-3)
    else:
        assert found.seconds(1000, n_units, shard_size=250) >= 0.5 * expected
    assert patience < 10 + 100 * (cost.shard + cost.image + 8 * cost.row)


def test_the_plain_method_is_timed_on_one_ablation(monkeypatch):
    clock, cost = Clock(), Cost(0, 0, 2.0)

    class Plain(Known):
        plain = property(lambda self: self)

    monkeypatch.setattr(costing, "work_clock", clock.start)
    found = measure_cost(Plain(clock, cost), torch.zeros(8, 3, 4, 4), each_unit([0.0] * 500), device=CPU)
    assert found == cost
    assert clock.now == 2 * 8 * 2.0
