"""Directions across units: exact like units, and as cheap where what follows is linear."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.engine import Engine
from precompute.ablation.precision import Precision

IMAGES = torch.randn(24, 3, 12, 12, generator=torch.Generator().manual_seed(1))


class Varied(nn.Module):
    """What may follow a layer: convolutions, a norm, a sum, poolings, a flattening, nothing."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.first, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()
        self.second, self.norm = nn.Conv2d(8, 8, 3, padding=1, stride=2), nn.BatchNorm2d(8)
        self.down, self.wide = nn.Conv2d(8, 8, 1, stride=2, bias=False), nn.Conv2d(8, 4, 3, padding=1)
        self.block, self.pool, self.flatten = nn.ReLU(), nn.AvgPool2d(2), nn.Flatten()
        self.hidden, self.fc = nn.Linear(8 * 9, 16), nn.Linear(20, 7)

    def forward(self, x):
        x = self.relu(self.first(x))
        x = self.block(self.norm(self.second(x)) + self.down(x))
        beside = self.wide(x).amax((2, 3))
        hidden = F.relu(self.hidden(self.flatten(self.pool(x))))
        return self.fc(torch.cat([hidden, beside], 1))


class Closed(nn.Module):
    """Nothing but linear operations after the layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(2)
        self.first, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(8, 7)

    def forward(self, x):
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(self.first(x), 1), 1))


LAYERS = ["first", "relu", "second", "norm", "block", "pool", "flatten", "hidden", "fc"]


def rotation(n_units):
    return torch.linalg.qr(torch.randn(n_units, n_units, generator=torch.Generator().manual_seed(5))).Q


def some_directions(n_units):
    """Single directions, set to zero and to other values, and several at once."""
    basis = rotation(n_units)
    singles = [Ablation((k,), (0.0,), basis) for k in range(0, n_units, 1 + n_units // 10)]
    others = [Ablation((k,), (1.0 - k,), basis) for k in range(3)]
    several = [Ablation((1, 3), (0.0, 0.2), basis), Ablation((0, 2, 3), (0.0, 0.5, 0.0), basis)]
    return [*singles, *others, *several, Ablation((1,), None, basis)]


@pytest.fixture
def network(alive):
    return alive(Varied(), IMAGES)


@pytest.mark.parametrize("name", LAYERS)
def test_predictions_and_log_probabilities_are_the_plain_methods(network, engines, compare, name):
    engine = engines(network, [name], IMAGES)[name]
    directions = some_directions(engine.plain.site.n_units)
    compare(engine, IMAGES, directions).check()
    compare(engine, IMAGES, [*directions[:2], *each_unit([0.0, 0.3]), *directions[2:]]).check()
    quick = Engine(engine.by_unit.plan, engine.plain, memory_bytes=2**28, precision=Precision.BFLOAT16)
    assert compare(quick, IMAGES, directions).wrong == 0
    assert quick.counts.changed > quick.counts.in_float32


def test_a_bases_own_units_are_the_units(network, engines):
    engine = engines(network, ["block"], IMAGES)["block"]
    directions = [Ablation((k,), (0.2,), torch.eye(8)) for k in range(8)]
    for turned, unit in zip(outputs(engine, directions), outputs(engine, each_unit([0.2] * 8)), strict=True):
        torch.testing.assert_close(turned, unit, rtol=0, atol=1e-5)


def outputs(engine, ablations):
    found = torch.zeros(len(ablations), len(IMAGES), 7)
    for changed in engine.sweep(IMAGES, ablations):
        found[changed.ablation, changed.image] = changed.logits
    return found


@pytest.mark.parametrize(("name", "n_updates"), [("relu", 2), ("block", 1), ("first", 0)])
def test_convolutions_right_after_the_layer_see_one_lane_of_a_direction(network, engines, name, n_updates):
    plan = engines(network, [name], IMAGES)[name].by_direction.plan
    assert len(plan.updates) == n_updates


def test_what_is_linear_to_the_end_is_in_closed_form(alive, engines, compare):
    engine = engines(alive(Closed(), IMAGES), ["first"], IMAGES)["first"]
    assert [node.op for node in engine.by_direction.plan.wide] == [torch.ops.aten.linear.default]
    compare(engine, IMAGES, some_directions(8)).check()


def take_another_direction(engine):
    for update in engine.by_direction.suffix.updates.values():
        update.by_channel = update.by_channel.flip(0)


def test_an_engine_that_takes_another_direction_fails_the_comparison(network, engines, compare):
    engine = engines(network, ["block"], IMAGES)["block"]
    take_another_direction(engine)
    with pytest.raises(AssertionError):
        compare(engine, IMAGES, some_directions(8)).check()
