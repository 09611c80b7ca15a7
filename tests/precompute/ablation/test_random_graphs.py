"""Small graphs drawn at random, and the plain method on them."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from torch import nn

from precompute.ablation.ablations import Ablation, each_unit

IMAGES = torch.randn(10, 3, 9, 9, generator=torch.Generator().manual_seed(8))
WIDTH = 6
FEW = settings(max_examples=settings().max_examples // 3)  # PyTorch writes down a network for each

STEPS = {
    "relu": lambda x, y, _: F.relu(x),
    "hardswish": lambda x, y, _: F.hardswish(x),
    "max_pool": lambda x, y, _: F.max_pool2d(x, 3, stride=1, padding=1),
    "avg_pool": lambda x, y, _: F.avg_pool2d(x, 3, stride=1, padding=1),
    "norm": lambda x, y, module: module.norm(x),
    "depthwise": lambda x, y, module: module.depthwise(x),
    "grouped": lambda x, y, module: module.grouped(x),
    "mix": lambda x, y, module: module.mix(x),
    "add": lambda x, y, _: x + y,
    "multiply": lambda x, y, _: x * torch.sigmoid(y),
    "join": lambda x, y, module: module.join(torch.cat([y, x], 1)),
    "swap": lambda x, y, _: y,
    "gate": lambda x, y, _: x * torch.sigmoid(y.mean((2, 3), keepdim=True)),
    "flip": lambda x, y, _: x.flip(1),
    "in_place": lambda x, y, _: (x * 1).relu_() + 0.1,
}


class Drawn(nn.Module):
    """A layer to ablate, then drawn steps on its output and on what the step before made."""

    def __init__(self, steps):
        super().__init__()
        torch.manual_seed(9)
        self.steps = steps
        self.first = nn.Conv2d(3, WIDTH, 3)
        self.norm = nn.BatchNorm2d(WIDTH)
        self.depthwise = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, groups=WIDTH)
        self.grouped = nn.Conv2d(WIDTH, WIDTH, 3, padding="same", groups=2)
        self.mix = nn.Conv2d(WIDTH, WIDTH, 3, padding=1, dilation=1)
        self.join = nn.Conv2d(2 * WIDTH, WIDTH, 1)
        self.fc = nn.Linear(WIDTH, 5)

    def forward(self, x):
        x = before = self.first(x)
        for step in self.steps:
            x, before = STEPS[step](x, before, self), x
        return self.fc(x.mean((2, 3)))


@pytest.mark.filterwarnings("ignore")
@settings(FEW, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(steps=["join"])
@given(steps=st.lists(st.sampled_from(sorted(STEPS)), max_size=6))
def test_outputs_are_the_plain_methods_on_any_graph(steps, alive, engines, compare):
    network = alive(Drawn(steps), IMAGES)
    engine = engines(network, ["first"], IMAGES)["first"]
    ablations = [*each_unit([0.0] * WIDTH), Ablation((0, 4), (0.5, -1.0))]
    result = compare(engine, IMAGES, ablations)
    assert result.wrong == 0
    assert result.log_prob_error < 1e-4
