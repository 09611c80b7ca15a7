"""Reduced precision: predictions stay the plain method's, and most rows need it only once."""

import pytest
import torch
from torch import nn

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.precision import Precision
from tests.varied import Varied

IMAGES = torch.randn(40, 3, 12, 12, generator=torch.Generator().manual_seed(6))


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
    (plain,) = engine.plain.sweep(IMAGES[:16], [Ablation((3,), (1.0,))])
    (quick,) = engine.sweep(IMAGES[:16], [Ablation((3,), (1.0,))])
    assert (plain.logits - quick.logits).abs().max() < 1e-4


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


def test_outputs_of_many_rows_and_what_is_made_of_them_fit_the_budget(engines):
    """Where rows are nothing but outputs, many go together: eight times as many would not fit."""
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 50)).eval()
    budget = 2**20
    sizes = engines(network, ["0"], IMAGES, memory_bytes=budget, precision=Precision.BFLOAT16)["0"].by_unit.sizes
    bytes_of_a_copy = 4 * 50 * sizes.rows_in_reduced_precision
    assert 4 * bytes_of_a_copy <= budget / 3 < 5 * bytes_of_a_copy
