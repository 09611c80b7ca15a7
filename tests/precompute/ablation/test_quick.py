"""Reduced precision: predictions stay the plain method's, and most rows need it only once."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.precision import Precision

IMAGES = torch.randn(40, 3, 12, 12, generator=torch.Generator().manual_seed(6))


class Varied(nn.Module):
    """Products, averages, a shortcut, a split and a gate after the layer."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(7)
        self.first, self.second = nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.norm, self.gate = nn.BatchNorm2d(16), nn.Linear(16, 16)
        self.fc = nn.Linear(16, 6)

    def forward(self, x):
        x = F.relu(self.first(x))
        x = F.relu(self.norm(self.second(x)) + x)
        left, right = F.max_pool2d(x, 2).chunk(2, 1)
        x = torch.cat([right, left], 1)
        return self.fc(F.relu(x * torch.sigmoid(self.gate(x.mean((2, 3))))[:, :, None, None]).mean((2, 3)))


@pytest.fixture
def network(alive):
    return alive(Varied(), IMAGES)


@pytest.mark.parametrize("name", ["first", "second", "norm"])
def test_predictions_are_exact_in_bfloat16(network, engines, compare, name):
    engine = engines(network, [name], IMAGES, precision=Precision.BFLOAT16)[name]
    ablations = [*each_unit([0.0] * 16), Ablation((1, 2, 3), (0.0, 0.5, 0.0))]
    compare(engine, IMAGES, ablations).check(log_prob_error=0.2)
    assert 0 < engine.counts.in_float32 < engine.counts.changed / 2


def test_rounding_is_relative_to_the_change(network, engines):
    """An ablation that hardly changes a unit hardly meets the reduced precision."""
    with torch.no_grad():
        network.first.weight[3] *= 1e-3
        network.first.bias[3] = 1.0
    engine = engines(network, ["first"], IMAGES, precision=Precision.BFLOAT16)["first"]
    plain = {c.ablation: c.logits for c in engine.plain.sweep(IMAGES[:16], [Ablation((3,), (1.0,))])}[0]
    quick = {c.ablation: c.logits for c in engine.sweep(IMAGES[:16], [Ablation((3,), (1.0,))])}[0]
    assert (plain - quick).abs().max() < 1e-4


@pytest.mark.gpu
@pytest.mark.parametrize("precision", list(Precision))
def test_predictions_are_exact_on_a_gpu(network, engines, compare, precision):
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    network, images = network.cuda(), IMAGES.cuda()
    engine = engines(network, ["first"], images, precision=precision)["first"]
    compare(engine, images, each_unit([0.0] * 16)).check(log_prob_error=0.2)


def fail_inside(switches):
    with Precision.TF32.matrix_products():
        assert [switch.fp32_precision for switch in switches] == ["tf32", "tf32"]
        raise RuntimeError("planted")


def test_switches_of_matrix_products_are_put_back_after_an_error():
    switches = (torch.backends.cuda.matmul, torch.backends.cudnn.conv)
    before = [switch.fp32_precision for switch in switches]
    with pytest.raises(RuntimeError, match="planted"):
        fail_inside(switches)
    assert [switch.fp32_precision for switch in switches] == before
