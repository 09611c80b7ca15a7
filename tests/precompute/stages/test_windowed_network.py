"""Windowed networks, held to the whole network: the same activation and the same gradient, wherever the position is."""

import pytest
import torch
from torch import nn

from precompute.ablation.capture import capture
from precompute.models.sites import find_site, list_sites
from precompute.stages.activation_at import WholeNetwork, activation_at, rows_within
from precompute.stages.windowed_network import WindowedNetwork

SIDE = 33


class Residual(nn.Module):
    """Strides, a sum of branches with different reaches, and dilation."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.wide = nn.Conv2d(6, 6, 3, padding=2, dilation=2)
        self.deep = nn.Sequential(nn.BatchNorm2d(6), nn.ReLU(inplace=True), nn.Conv2d(6, 6, 3, padding=1, groups=3))
        self.last = nn.ReLU()
        self.head = nn.Linear(6, 4)

    def forward(self, x):
        x = self.stem(x)
        x = self.last(self.wide(x) + self.deep(x) + x)
        return self.head(x.mean((2, 3)))


class Pools(nn.Module):
    """Maxima at a padded border, means, padding by a value, concatenation."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 5, padding="same")
        self.largest = nn.MaxPool2d(3, stride=2, padding=1)
        self.mean = nn.AvgPool2d(2)
        self.pad = nn.ConstantPad2d((1, 0, 2, 1), 0.5)
        self.last = nn.Conv2d(7, 5, 3)
        self.head = nn.Linear(5, 4)

    def forward(self, x):
        a = self.largest(torch.relu(self.first(x)))
        b = self.mean(x)
        a = torch.cat([a[:, :, :16, :16], b], 1)
        return self.head(self.last(self.pad(a)).mean((2, 3)))


class Squeezed(nn.Module):
    """A factor from the whole picture before the last convolutions, and ReLU6 at the end."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.gate = nn.Conv2d(6, 6, 1)
        self.second = nn.Conv2d(6, 5, 3, padding=1)
        self.last = nn.ReLU6()
        self.head = nn.Linear(5, 4)

    def forward(self, x):
        x = self.first(x).relu()
        x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        return self.head(self.last(self.second(x)).mean((2, 3)))


NETWORKS = [(Residual, "last"), (Residual, "deep"), (Pools, "last"), (Squeezed, "second")]


def made(kind):
    torch.manual_seed(5)
    network = kind().eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.5, 2)
    return network


@pytest.fixture
def images():
    return torch.randn(9, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))


def by_both(network, layer, images):
    """Values and gradients at nine places, corners included, by the windowed and by the whole network."""
    site = find_site(list_sites(network, images[:2]), layer)
    height, width = site.spatial_shape
    y = torch.tensor([0, 0, height - 1, height - 1, height // 2, 1, 0, height - 2, height // 3])
    x = torch.tensor([0, width - 1, 0, width - 1, width // 2, width // 3, width // 2, 1, width - 2])
    unit = torch.arange(9) % site.n_units
    windowed = WindowedNetwork(capture(network, [site], images).recorded, layer)
    found = []
    for part in (windowed, WholeNetwork(network, site)):
        leaf = images.clone().requires_grad_()
        value = part(leaf, unit, y, x)
        (gradient,) = torch.autograd.grad(value.sum(), leaf)
        found.append((value.detach(), gradient))
    return windowed, found


@pytest.mark.parametrize(("kind", "layer"), NETWORKS)
def test_a_windowed_network_has_the_value_and_the_gradient_of_the_whole_network(kind, layer, images):
    windowed, ((value, gradient), (expected, whole)) = by_both(made(kind), layer, images)
    torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradient, whole, rtol=1e-3, atol=1e-5)
    assert windowed.windows


class Prepared(nn.Module):
    """Scales the picture, and goes two ways from it: one convolution, and none."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 3, 3, padding=1), nn.ReLU()
        self.head = nn.Linear(3, 4)

    def forward(self, x):
        x = (x - 0.5) / 0.25
        x = self.last(torch.relu(self.first(x)) + x)
        return self.head(x.mean((2, 3)))


LINEAR_ENDS = [
    (Residual, "last", (6, 17, 17)),  # the strided convolution, from which two branches go
    (Pools, "last", (3, SIDE, SIDE)),  # the picture, which goes two ways
    (Squeezed, "second", (6, SIDE, SIDE)),  # the convolution before the first ReLU
    (Prepared, "last", (3, SIDE, SIDE)),  # what is made of the picture before it goes two ways
]


@pytest.mark.parametrize(("kind", "layer", "shape"), LINEAR_ENDS)
def test_it_is_linear_in_the_picture_up_to_its_linear_end(kind, layer, shape, images):
    network = made(kind)
    site = find_site(list_sites(network, images[:2]), layer)
    windowed = WindowedNetwork(capture(network, [site], images).recorded or capture(network, [site], images), layer)
    assert windowed.linear_end.shape == shape
    assert (windowed.linear_end is windowed.images) == (kind is Pools)
    y, x = torch.tensor([0, site.spatial_shape[0] - 1]), torch.tensor([1, site.spatial_shape[1] // 2])
    first, last = images[:2], images[2:4]
    ends = [windowed.linear(at, y, x) for at in (first, last)]
    between = windowed.linear(first + 0.3 * (last - first), y, x)
    torch.testing.assert_close(between, ends[0] + 0.3 * (ends[1] - ends[0]), rtol=1e-4, atol=1e-5)


def test_the_layer_may_be_the_linear_end(images):
    windowed, ((value, gradient), (expected, whole)) = by_both(made(Residual), "stem", images)
    assert windowed.linear_end is windowed.end
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, whole)


def test_it_computes_a_part_only(images):
    assert by_both(made(Residual), "last", images)[0].share < 0.3


def test_what_needs_the_whole_picture_is_computed_whole(images):
    windowed, _ = by_both(made(Squeezed), "second", images)
    whole = {node.name for node in windowed.nodes if node not in windowed.windows}
    assert any("sigmoid" in name for name in whole)
    assert 0.4 < windowed.share < 1


def test_a_mean_that_counts_fewer_positions_at_the_border_is_computed_whole(images):
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.AvgPool2d(3, 2, 1, count_include_pad=False), nn.Conv2d(4, 4, 3), nn.Flatten()
    ).eval()
    windowed, ((value, gradient), (expected, whole)) = by_both(network, "2", images)
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(gradient, whole)
    assert [node.name for node in windowed.windows] == [windowed.end.name]


def test_a_saturated_unit_has_the_gradient_of_what_is_clipped(images):
    network = made(Squeezed)
    site = find_site(list_sites(network, images[:2]), "last")
    bright = images * 20
    with torch.no_grad():
        outputs = WholeNetwork(network, site).up_to_layer(bright)
    image, unit, y, x = (outputs == 6).nonzero()[:4].T
    part = activation_at(network, site, bright)
    leaf = bright[image].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(part(leaf, unit, y, x).sum(), leaf)
    (clipped,) = torch.autograd.grad(WholeNetwork(network, site)(leaf, unit, y, x).sum(), leaf)
    before = find_site(list_sites(network, images[:2]), "second")
    (expected,) = torch.autograd.grad(WholeNetwork(network, before)(leaf, unit, y, x).sum(), leaf)
    assert not clipped.any()
    assert expected.any()
    torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5)


def test_a_layer_without_space_goes_by_the_whole_network(images):
    network = made(Residual)
    site = find_site(list_sites(network, images[:2]), "stem")
    assert isinstance(activation_at(network, site, images), WindowedNetwork)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 5), nn.ReLU()).eval()
    site = find_site(list_sites(flat, images[:2]), "1")
    assert isinstance(activation_at(flat, site, images), WholeNetwork)


def test_a_network_that_cannot_be_captured_goes_whole(images):
    class Choosing(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 3)

        def forward(self, x):
            x = self.first(x)
            return self.head((x if x.sum() > 0 else -x).mean((2, 3)))

    network = Choosing().eval()
    site = find_site(list_sites(network, images[:2]), "first")
    assert isinstance(activation_at(network, site, images), WholeNetwork)


def test_rows_are_as_many_as_memory_holds(images):
    network = made(Residual)
    site = find_site(list_sites(network, images[:2]), "last")
    part = WholeNetwork(network, site)
    few, many = (rows_within(n_bytes, part, images[:1]) for n_bytes in (10**6, 10**8))
    # At least the input of the first convolution and the one of the second are kept for the way back.
    at_least = 4 * (3 * SIDE**2 + 6 * 17**2)
    assert 1 <= few <= 10**6 / at_least
    assert many == pytest.approx(100 * few, rel=0.1)
    assert rows_within(10, part, images[:1]) == 1
