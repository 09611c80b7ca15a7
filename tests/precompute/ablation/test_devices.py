"""On a device other than the CPU the engine answers as it does there. Images come from the CPU, as in a run."""

import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import pytest
import torch
import torch.nn.functional as F
from torchvision.models import get_model

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.engine import Engine
from precompute.ablation.factory import make_ablaters
from precompute.ablation.iterative import make_iterative, silence
from precompute.ablation.plain import PlainAblater
from precompute.ablation.precision import Precision
from precompute.models.sites import find_site, list_sites
from tests.everyday import everyday
from tests.second_device import NAME, crossings
from tests.varied import Varied

IMAGES = torch.randn(40, 3, 12, 12, generator=torch.Generator().manual_seed(6))


@pytest.fixture
def network(alive, device):
    return alive(Varied(), IMAGES).to(device)


NAMES = ("first", "second", "norm")
PRECISE = [(name, precision) for name in NAMES for precision in Precision]


@pytest.mark.parametrize(
    ("name", "precision"), everyday(PRECISE, lambda name, precision: name == "first" or precision is Precision.FLOAT32)
)
def test_predictions_are_the_plain_methods_in_every_precision(network, engines, compare, name, precision):
    engine = engines(network, [name], IMAGES, precision=precision)[name]
    ablations = [*each_unit([0.0] * 16), Ablation((1, 2, 3), (0.0, 0.5, 0.0))]
    compare(engine, IMAGES, ablations).check(log_prob_error=1e-4 if precision is Precision.FLOAT32 else 0.2)


@pytest.mark.parametrize("name", NAMES)
def test_so_are_those_of_directions(network, engines, compare, name):
    basis = torch.linalg.qr(torch.randn(16, 16, generator=torch.Generator().manual_seed(1))).Q
    directions = [Ablation((k,), (value,), basis) for k in range(8) for value in (0.0, 1.0)]
    compare(engines(network, [name], IMAGES)[name], IMAGES, directions).check()


def test_and_those_of_rounds_of_units_that_go_one_after_another(network, engines):
    engine = engines(network, ["first"], IMAGES)["first"]
    iterative = make_iterative(engine, IMAGES.split(25))
    for gone in [(), (3,), (6, 0)]:
        tried = [(unit,) for unit in range(8) if unit not in gone]
        before = engine.plain.run(IMAGES, silence(gone)).argmax(1).cpu()
        found = before.repeat(len(tried), 1)
        for changed in iterative.round(gone, tried):
            found[changed.ablation, changed.image] = changed.logits.argmax(1).cpu()
        expected = torch.stack([engine.plain.run(IMAGES, silence((*gone, *units))).argmax(1).cpu() for units in tried])
        assert torch.equal(found, expected)
        assert (found != before).float().mean() > 0.01, "too few predictions change to mean anything"


# Chains and shortcuts are in the made-up network above too.
FAMILIES = ("shufflenet_v2_x1_0", "mobilenet_v3_small", "alexnet", "resnet18")


@pytest.mark.parametrize("name", everyday(FAMILIES, lambda name: name == FAMILIES[0]))
def test_families_take_the_engine(name, device, alive, compare, ablations_of):
    """And not the plain method because something of theirs was left on the CPU."""
    torch.manual_seed(0)
    images = 2 * F.interpolate(torch.randn(12, 3, 3, 3), size=64, mode="bilinear") + torch.randn(12, 3, 64, 64) / 2
    network = alive(get_model(name, weights=None, num_classes=20), images).to(device)
    layer = {"alexnet": "features.7", "resnet18": "layer2", "mobilenet_v3_small": "features.8"}.get(name, "stage3")
    site = find_site(list_sites(network, images[:2]), layer)
    engine, reason = make_ablaters(network, [site], images[:2], batch_size=16)[site]
    assert isinstance(engine, Engine), reason
    compare(engine, images, ablations_of(site.n_units, n=3)).check()


def test_the_plain_method_answers_as_on_the_cpu(network):
    def outputs():
        plain = PlainAblater(network, find_site(list_sites(network, IMAGES[:2]), "second"), batch_size=16)
        return torch.cat([changed.logits.cpu() for changed in plain.sweep(IMAGES, each_unit([0.5] * 16))])

    found = outputs()
    network.cpu()
    torch.testing.assert_close(found, outputs(), atol=1e-4, rtol=1e-4)


def test_a_sweep_of_more_units_waits_no_more_often(network, engines, device):
    if device.type != NAME:
        pytest.skip("only the made-up device counts")
    engine = engines(network, ["first"], IMAGES)["first"]

    def waits(n_units):
        before = crossings()
        for _ in engine.sweep(IMAGES, each_unit([0.0] * n_units)):
            pass
        return crossings() - before

    assert 0 < waits(16) == waits(4)
