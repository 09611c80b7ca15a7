"""Rounds over units that are silenced one after another, held to the plain method on each set of units."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from precompute.ablation.ablations import Ablation
from precompute.ablation.iterative import PlainIterative, held_bytes, make_iterative
from precompute.ablation.plain import PlainAblater

IMAGES = torch.randn(40, 3, 12, 12, generator=torch.Generator().manual_seed(3))
GONE = [(), (3,), (6, 0), (7, 1, 2, 5, 4)]


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(4)
        self.first, self.beside = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(8, 6)

    def forward(self, x):
        x = self.relu(self.first(x))
        return self.fc(F.relu(self.beside(x) + x).flatten(2).mean(2))


@pytest.fixture
def network(alive):
    return alive(Residual(), IMAGES)


def outputs(iterative, network, site, gone, tried):
    """All outputs, (unit, image, output); images that are not named keep those without the units that are gone."""
    plain = PlainAblater(network, site, batch_size=16)
    before = plain.run(IMAGES, Ablation(gone, (0.0,) * len(gone)))
    found = before.repeat(len(tried), 1, 1)
    seen = torch.zeros(found.shape[:2])
    for changed in iterative.round(gone, tried):
        found[changed.ablation, changed.image] = changed.logits
        seen[changed.ablation, changed.image] += 1
    assert seen.max() <= 1
    expected = [plain.run(IMAGES, Ablation((*gone, *units), (0.0,) * len((*gone, *units)))) for units in tried]
    return found, torch.stack(expected), seen


@pytest.mark.parametrize("name", ["first", "beside", "relu"])
@pytest.mark.parametrize("memory_bytes", [2**18, 2**28])
def test_every_round_is_that_of_the_plain_method(network, engines, name, memory_bytes):
    engine = engines(network, [name], IMAGES, memory_bytes=memory_bytes)[name]
    iterative = make_iterative(engine, IMAGES.split(25))
    for gone in GONE:
        left = [unit for unit in range(8) if unit not in gone]
        tried = [*((unit,) for unit in left), tuple(left), tuple(left[:2])]
        found, expected, seen = outputs(iterative, network, engine.plain.site, gone, tried)
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
        assert (found.argmax(2) == expected.argmax(2)).all()
        assert seen.any()
    flipped = expected.argmax(2) != engine.plain.run(IMAGES, Ablation((), ())).argmax(1)
    assert flipped.float().mean() > 0.05, "too few predictions change for the comparison to mean anything"


def test_images_on_which_a_unit_is_silent_are_skipped_also_beside_units_that_are_gone(network, engines):
    with torch.no_grad():
        network.first.weight[2] = 0
        network.first.bias[2] = -1
    engine = engines(network, ["relu"], IMAGES)["relu"]
    iterative = make_iterative(engine, [IMAGES])
    swept = iterative.round((0, 4), [(1,), (2,), (3,)])
    assert set(torch.cat([changed.ablation for changed in swept]).tolist()) == {0, 2}


def test_the_plain_succession_names_every_image(network, engines):
    plain = engines(network, ["first"], IMAGES)["first"].plain
    iterative = make_iterative(plain, IMAGES.split(25))
    assert isinstance(iterative, PlainIterative)
    found, expected, seen = outputs(iterative, network, plain.site, (2, 5), [(0,), (7, 1)])
    assert (seen == 1).all()
    torch.testing.assert_close(found, expected)


def test_memory_is_that_of_the_layer_and_of_what_passes_beside_it(network, engines):
    image = IMAGES[0]
    found = {name: held_bytes(engine, image) for name, engine in engines(network, ["first", "beside"], IMAGES).items()}
    # The shortcut passes beside the second convolution.
    assert found == {"first": 4 * 8 * 144, "beside": 2 * 4 * 8 * 144}
    assert held_bytes(PlainAblater(network, None, batch_size=4), image) == 4 * 3 * 144


@pytest.mark.parametrize("name", ["first", "beside"])
def test_no_recorded_graph_holds_what_comes_before_the_layer(network, engines, name):
    # Weights ask for gradients as they do in any network that was loaded, also where nobody switched recording off.
    assert all(weight.requires_grad for weight in network.parameters())
    iterative = make_iterative(engines(network, [name], IMAGES)[name], [IMAGES])
    held = [value for _, parts in iterative.held for part in parts for value in part.values()]
    assert held
    assert all(value.grad_fn is None for value in held)
