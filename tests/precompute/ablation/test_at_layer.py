"""A sweep that is given the layer's output begins there, and finds what it finds from the images."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.no_op import NoOpCheck
from precompute.ablation.precision import Precision
from precompute.errors import EngineDoubted
from precompute.models.forward import logits
from precompute.models.hooks import outputs_at
from tests.precompute.ablation.residual import IMAGES, Residual


class Chain(nn.Module):
    """A shortcut that ends before `second`, so that what follows `second` needs its output alone."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(5)
        self.first, self.second = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 10, 3, padding=1)
        self.third, self.fc = nn.Conv2d(10, 8, 3, padding=1), nn.Linear(8, 6)

    def forward(self, x):
        x = F.relu(self.first(x))
        x = F.relu(self.second(x + x.roll(1, 1)))
        return self.fc(F.relu(self.third(x)).mean((2, 3)))


@pytest.fixture
def network(alive):
    return alive(Chain(), IMAGES)


@pytest.fixture
def asked():
    """Ablations of every kind."""
    basis = torch.linalg.qr(torch.randn(10, 10, generator=torch.Generator().manual_seed(6))).Q
    return [*each_unit([0.0] * 10), Ablation((1, 4), (0.2, 0.0)), Ablation((3,), (0.1,), basis)]


def at(engine, images=IMAGES):
    return outputs_at(engine.plain.network, [engine.plain.site], images)[engine.plain.site]


def swept(ablater, ablations, at_layer=None):
    """Outputs, (ablation, image, output), of the rows that come back; 0 for others."""
    found = torch.zeros(len(ablations), len(IMAGES), 6)
    for changed in ablater.sweep(IMAGES, ablations, at_layer):
        found[changed.ablation, changed.image] = changed.logits
    return found


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.BFLOAT16])
@pytest.mark.parametrize("memory_bytes", [2**28, 300_000])
def test_the_outputs_are_the_same_to_the_last_bit(network, engines, asked, precision, memory_bytes):
    from_images, from_layer = (
        engines(network, ["second"], IMAGES, precision=precision, memory_bytes=memory_bytes)["second"] for _ in "ab"
    )
    assert torch.equal(swept(from_layer, asked, at(from_layer)), swept(from_images, asked))
    assert from_layer.counts == from_images.counts
    assert from_layer.counts.changed > 0.9 * from_layer.counts.rows


def test_only_the_audit_runs_the_network_from_its_beginning(network, engines, asked, monkeypatch):
    engine = engines(network, ["second"], IMAGES)["second"]
    given = at(engine)
    seen = []
    network.first.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
    monkeypatch.setattr(engine.by_unit, "_up_to_layer", lambda _: pytest.fail("the network was run up to the layer"))
    for _ in engine.sweep(IMAGES, asked[:11], given):
        pass
    assert seen == [4, 4]


def test_what_also_needs_a_value_from_before_runs_from_the_images(alive, engines):
    network = alive(Residual(), IMAGES)
    engine = engines(network, ["beside"], IMAGES)["beside"]
    assert not engine.needs_layer_alone
    useless, ablations = torch.full_like(at(engine), torch.nan), each_unit([0.0] * 8)
    expected = swept(engine.plain, ablations)
    changed = swept(engine, ablations, useless)
    rows = changed.any(2)
    assert rows.float().mean() > 0.9
    torch.testing.assert_close(changed[rows], expected[rows], rtol=0, atol=1e-4)


def test_the_output_of_other_images_is_noticed(network, engines):
    engine = engines(network, ["second"], IMAGES)["second"]
    check = NoOpCheck(engine, 10, logits(network, IMAGES).argmax(1))
    with pytest.raises(EngineDoubted, match=r"second: .* predictions differ from the plain method's"):
        for _ in check.sweep(IMAGES, each_unit([0.0] * 10), at(engine).flip(0)):
            pass
    assert engine.counts.largest_error > 0.1
    assert engine.counts.differing > 0
    assert check.flips_at_first > 0
