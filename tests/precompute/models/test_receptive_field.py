"""Centres of receptive fields, held to which pixels a cell depends on."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from precompute.models.demo import DemoNetwork
from precompute.models.load import load_model
from precompute.models.receptive_field import Axis, receptive_field_centres, receptive_fields, stretched
from precompute.models.sites import Site, find_site, list_sites

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
    assert stretched(Site("a", 1, "ReLU", 4, (12, 6), 0), (48, 48)) == (Axis(4.0, 1.5), Axis(8.0, 3.5))
    assert stretched(Site("a", 1, "ReLU", 4, (), 0), (8, 8)) == (Axis(8.0, 3.5), Axis(8.0, 3.5))


def test_a_map_of_a_part_is_stretched_over_that_part():
    site = Site("a", 1, "ReLU", 4, (6, 6), 0, part=(0.25, 0.0, 0.75, 1.0))
    assert stretched(site, (48, 48)) == (Axis(4.0, 13.5), Axis(8.0, 3.5))


# How far a cell reaches


class Mixed(nn.Module):
    """Branches of different reach that are added, joined unit by unit, and pooled."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 4, 5, stride=2, padding=2), nn.BatchNorm2d(4)
        self.long, self.short = nn.Conv2d(4, 4, 3, padding=2, dilation=2), nn.Conv2d(4, 4, 1)
        self.joined, self.pool = nn.Identity(), nn.AvgPool2d(3, stride=2, padding=1)
        self.gated = nn.Identity()

    def forward(self, x):
        x = self.norm(self.first(functional.pad(x, (1, 2, 3, 0))))
        x = self.joined(torch.cat([self.long(x) + x, self.short(x)], 1))
        x = self.pool(x)
        return self.gated(x * torch.sigmoid(x.mean((2, 3), keepdim=True))).mean((2, 3))


def reach(network, name):
    inputs = torch.rand(2, 3, SIDE, SIDE)
    return receptive_fields(network.eval(), find_site(list_sites(network, inputs), name), inputs)


def touched(network, name, cell):
    """First and last row and column that a cell depends on, by its gradient; nothing in the network is ever at rest."""
    seen = []
    handle = network.get_submodule(name).register_forward_hook(lambda module, inputs, output: seen.append(output))
    images = torch.rand(8, 3, SIDE, SIDE, requires_grad=True)
    network(images)
    handle.remove()
    (seen[0][:, :, cell[0], cell[1]] * torch.rand(seen[0].shape[:2])).sum().backward()
    places = images.grad.abs().amax((0, 1)) > 0
    rows, columns = places.any(1).nonzero(), places.any(0).nonzero()
    return [(float(each.min()), float(each.max())) for each in (rows, columns)]


@pytest.mark.parametrize("name", ["first", "norm", "joined", "pool"])
def test_a_cell_reaches_exactly_as_far_as_its_gradient(name):
    torch.manual_seed(0)
    network = Mixed().eval()
    found = reach(network, name)
    for cell in ((5, 5), (5, 6)):
        assert [axis.of(place) for axis, place in zip(found, cell, strict=True)] == touched(network, name, cell)


def test_what_looks_at_the_whole_image_or_is_not_known_has_no_reach():
    assert reach(Mixed(), "gated") is None
    assert reach(Upward(), "up") is None
    assert reach(Upward(), "flat") is None


def test_the_reach_of_the_demo_networks_layers_is_that_of_their_kernels_and_pools():
    network = DemoNetwork(4).eval()
    down, _ = reach(network, "features.8")
    low, high = down.of(3)
    rows, _ = touched(network, "features.8", (3, 3))
    assert low <= rows[0]
    assert rows[1] <= high
    assert down.step == 8


@pytest.mark.parametrize(
    ("name", "layer", "size", "step"),
    [
        *(("alexnet", "features.12", 195, 32), ("resnet18", "layer1", 43, 4), ("resnet18", "layer4", 435, 32)),
        ("shufflenet_v2_x0_5", "stage4", 527, 32),
    ],
)
def test_known_networks_reach_as_far_as_is_known(name, layer, size, step):
    # Of AlexNet: Araujo, Norris and Sim 2019, "Computing receptive fields of convolutional neural networks", Distill.
    # Of ResNet-18: 7 of stride 2, a pool of 3, then per stage (1, 2, 4, 8 x 4 pixels a cell) four kernels of 3.
    # Of ShuffleNet V2: 3 of stride 2, a pool of 3, then 4, 8 and 4 blocks of one kernel of 3, the first of a stage on
    # the cells of the stage before: 7 + 8 + 3 x 16 = 63; + 16 + 7 x 32 = 303; + 32 + 3 x 64 = 527.
    model = load_model(name, weights="none").network
    inputs = torch.rand(2, 3, 224, 224)
    for axis in receptive_fields(model, find_site(list_sites(model, inputs), layer), inputs):
        assert (axis.last - axis.first + 1, axis.step) == (size, step)


class Shortcuts(nn.Module):
    """Shortcuts of option A (He et al. 2015), and what is like them: slices, crops, pooled shortcuts."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.halved, self.halved_again = (
            nn.Conv2d(4, 8, 3, stride=2, padding=1),
            nn.Conv2d(8, 8, 3, stride=2, padding=1),
        )
        self.sliced, self.cropped, self.pooled, self.shared = (nn.Identity() for _ in range(4))
        self.adaptive = nn.AdaptiveAvgPool2d(3)

    def forward(self, x):
        x = self.first(x)
        x = self.sliced(self.halved(x) + functional.pad(x[:, :, ::2, 1::2], (0, 0, 0, 0, 2, 2)))
        x = self.cropped(functional.pad(x, (-2, 1, 0, -3))[:, 1:, -19:, :-1])
        x = functional.pad(x, (0, 0, 0, 0, 0, 1))
        x = self.pooled(functional.max_pool2d(x, 3, 2, 1) + self.halved_again(x))
        return self.shared(self.adaptive(x[:, :, :9, :9])).mean((2, 3))


@pytest.mark.parametrize("name", ["sliced", "cropped", "pooled", "shared"])
def test_slices_crops_and_shortcuts_of_padding_are_followed_to_exactly_the_pixels_they_take(name):
    torch.manual_seed(0)
    network = Shortcuts().eval()
    axes, centres = reach(network, name), found(network, name)
    cells = ((1, 1),) if name == "shared" else ((5, 5), (5, 6))
    for cell in cells:
        rows, columns = changed_pixels(network, name, cell)
        assert [axis.of(place) for axis, place in zip(axes, cell, strict=True)] == [rows, columns]
        for axis, place, (low, high) in zip(centres, cell, (rows, columns), strict=True):
            assert low <= axis.step * place + axis.start <= high


class Shuffles(nn.Module):
    """Splits and shuffles of units, as ShuffleNet and its kin write them, and a picture that is split into halves."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.long, self.longer = nn.Conv2d(4, 4, 5, padding=2), nn.Conv2d(3, 3, 3, dilation=3, padding=3)
        self.chunked, self.sized, self.stacked, self.lower = (nn.Identity() for _ in range(4))
        self.own = nn.ChannelShuffle(4)
        self.gate = nn.Conv2d(2, 1, 3, padding=1)
        self.gated = nn.Identity()

    def forward(self, x):
        still, moved = self.first(x).chunk(2, 1)
        x = torch.cat([still, self.long(moved)], dim=-3)
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        x = self.chunked(x)
        one, two = torch.split(self.own(x), [5, 3], dim=1)
        x = self.sized(torch.cat([one, self.longer(two)], 1).flip(1))
        x = x.reshape(n, 4, 2, h, w).permute(0, 2, 1, 3, 4).flatten(1, 2)
        one, two, three, _ = x.split(2, dim=-3)
        x = self.stacked(torch.stack([one, two + three], 2).flatten(1, 2).repeat_interleave(2, 1))
        x = self.gated(x * torch.sigmoid(self.gate(torch.cat([x.mean(1, True), x.amax(1, True)], 1))))
        _, low = x.split([6, h - 6], dim=2)
        _, low = low.chunk(2, dim=-1)
        return self.lower(low).mean((2, 3))


@pytest.mark.parametrize("name", ["chunked", "own", "sized", "stacked", "gated", "lower"])
def test_splits_and_shuffles_are_followed_to_exactly_the_pixels_they_take(name):
    torch.manual_seed(0)
    network = Shuffles().eval()
    axes, centres = reach(network, name), found(network, name)
    for cell in ((4, 1), (5, 3)) if name == "lower" else ((11, 11), (11, 12)):
        rows, columns = changed_pixels(network, name, cell)
        assert [axis.of(place) for axis, place in zip(axes, cell, strict=True)] == [rows, columns]
        for axis, place, (low, high) in zip(centres, cell, (rows, columns), strict=True):
            assert axis.step * place + axis.start == (low + high) / 2


class Moves(nn.Module):
    """What looks like a shuffle of units and moves positions, each by itself."""

    WAYS = {  # noqa: RUF012
        "turned": lambda x: x.transpose(2, 3),
        "rolled": lambda x: x.roll(3, -1),
        "permuted": lambda x: x.permute(0, 1, 3, 2),
        "mirrored": lambda x: x.flip((1, 2)),
        "laid_out": lambda x: x.flatten(2).transpose(1, 2).reshape(x.shape),
        "picked": lambda x: x[:, :, torch.arange(x.shape[2] - 1, -1, -1)],
        "joined": lambda x: torch.cat([x, x], 2),
        "softened": lambda x: x.softmax(-1),
        "shuffled": lambda x: functional.pixel_shuffle(x, 2),
        "of_depth": lambda x: functional.conv3d(x[:, None], torch.ones(1, 1, 3, 1, 1), padding=(1, 0, 0)).flatten(1, 2),
    }

    def __init__(self, way):
        super().__init__()
        self.first, self.last, self.way = nn.Conv2d(3, 8, 3, padding=1), nn.LazyConv2d(4, 1), self.WAYS[way]

    def forward(self, x):
        return self.last(self.way(self.first(x))).mean((2, 3))


@pytest.mark.parametrize("way", Moves.WAYS)
def test_what_moves_positions_or_mixes_them_has_no_reach(way):
    network, inputs = Moves(way), torch.rand(2, 3, SIDE, SIDE)
    network(inputs)
    site = find_site(list_sites(network.eval(), inputs), "first")
    assert receptive_fields(network, site, inputs) is not None
    # Most such networks are refused before anybody asks, since their units cannot be told.
    assert receptive_fields(network, replace(site, path="last", n_units=4), inputs) is None


def changed_pixels(network, name, cell):
    """First and last row and column of the image that change a cell where they alone are other pixels."""
    seen = []
    handle = network.get_submodule(name).register_forward_hook(lambda module, inputs, output: seen.append(output))
    torch.manual_seed(1)
    image = torch.rand(1, 3, SIDE, SIDE)
    changes = [image]
    for place in range(SIDE):
        for line in (image.clone(), image.clone()):
            changes.append(line)
        changes[-2][:, :, place, :] += 50 * torch.rand(3, SIDE)
        changes[-1][:, :, :, place] += 50 * torch.rand(3, SIDE)
    with torch.no_grad():
        network(torch.cat(changes))
    handle.remove()
    cells = seen[0][:, :, cell[0], cell[1]]
    differs = (cells[1:] != cells[:1]).any(1)
    lines = (differs[0::2].nonzero(), differs[1::2].nonzero())
    return [(float(each.min()), float(each.max())) for each in lines]


def test_adaptive_pooling_that_does_not_share_a_map_out_evenly_has_no_reach():
    uneven = nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(5), nn.Conv2d(4, 2, 5), nn.Flatten())
    assert reach(uneven, "1") is None


def test_the_reach_of_a_real_resnet_20_is_that_of_its_kernels(real):
    network = load_model(f"{real / 'cifar10-resnet20' / 'network.py'}:build").network
    inputs = torch.rand(2, 3, 32, 32)
    # 3 of the first kernel, then six kernels of 3 a stage, of 1, 2 and 4 pixels a cell; the first of a stage that
    # halves its map still sees cells of the stage before.
    for layer, size, step in (("layer1", 3 + 12, 1), ("layer2", 15 + 2 + 5 * 4, 2), ("layer3", 37 + 4 + 5 * 8, 4)):
        for axis in receptive_fields(network, find_site(list_sites(network, inputs), layer), inputs):
            assert (axis.last - axis.first + 1, axis.step) == (size, step)
