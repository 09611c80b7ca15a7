"""Centres of receptive fields, held to which pixels a cell depends on."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from precompute.models.demo import DemoNetwork
from precompute.models.receptive_field import Axis, receptive_field_centres, stretched
from precompute.models.sites import find_site, list_sites

SIDE = 48


class Branches(nn.Module):
    """A residual block, padding by hand, a gate on each unit, a pool that is told its stride only by its size."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 4, stride=2, padding=0)
        self.long = nn.Conv2d(4, 4, 3, stride=2, padding=1)
        self.short = nn.Conv2d(4, 4, 1, stride=2)
        self.joined = nn.Identity()
        self.pool = nn.AvgPool2d(2)
        self.wide = nn.Conv2d(4, 4, 3, dilation=2, padding=2)

    def forward(self, x):
        x = self.first(functional.pad(x, (1, 2, 3, 0)))
        x = self.joined(self.long(x) + self.short(x))
        x = x * torch.sigmoid(x.mean((2, 3), keepdim=True))
        return self.wide(self.pool(x)).mean((2, 3))


class Upward(nn.Module):
    """What moves cells in a way that is not followed."""

    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 4, 2, stride=2)
        self.up = nn.ConvTranspose2d(4, 4, 2, stride=2)
        self.flat = nn.Linear(4, 2)

    def forward(self, x):
        return self.flat(self.up(self.down(x)).mean((2, 3)))


def found(network, name, size=(SIDE, SIDE)):
    inputs = torch.rand(2, 3, *size)
    return receptive_field_centres(network.eval(), find_site(list_sites(network, inputs), name), inputs)


def centre(network, name, cell):
    """Middle of the rows and columns that a cell depends on, by its gradients on many random images."""
    seen = []
    network.get_submodule(name).register_forward_hook(lambda module, inputs, output: seen.append(output))
    images = torch.rand(64, 3, SIDE, SIDE, requires_grad=True)
    network(images)
    (seen[0][:, :, cell[0], cell[1]] * torch.rand(seen[0].shape[:2])).sum().backward()
    touched = images.grad.abs().amax((0, 1)) > 0
    rows, columns = touched.any(1).nonzero(), touched.any(0).nonzero()
    return [(float(places.min()) + float(places.max())) / 2 for places in (rows, columns)]


@pytest.mark.parametrize("name", ["first", "long", "joined"])
def test_cells_are_where_their_gradients_are(name):
    torch.manual_seed(0)
    network = Branches().eval()
    axes = found(network, name)
    for cell in ((3, 3), (4, 6)):
        expected = centre(network, name, cell)
        assert [axis.step * place + axis.start for axis, place in zip(axes, cell, strict=True)] == expected


def test_pools_and_dilated_kernels_are_followed():
    down, across = found(Branches(), "wide")
    # Pad 3 above and 1 to the left, then kernel 4 of stride 2, stride 2, and the middle of two cells.
    assert down == Axis(8.0, -3 + 1.5 + 2)
    assert across == Axis(8.0, -1 + 1.5 + 2)


def test_the_demo_network_leans_to_the_top_left():
    network = DemoNetwork(4)
    assert found(network, "features.8", (96, 96)) == (Axis(8.0, 2.0), Axis(8.0, 2.0))
    assert found(network, "avgpool", (96, 96))[0].step == 32


def test_what_cannot_be_followed_has_no_anchor():
    assert found(Upward(), "up") is None
    assert found(Upward(), "flat") is None
    assert found(Upward(), "down") == (Axis(2.0, 0.5), Axis(2.0, 0.5))


def test_a_map_without_anchor_is_stretched_over_the_image():
    assert stretched((12, 6), (48, 48)) == (Axis(4.0, 1.5), Axis(8.0, 3.5))
    assert stretched((), (8, 8)) == (Axis(8.0, 3.5), Axis(8.0, 3.5))
