"""The plain method against networks cut in two by hand."""

import torch
from torch import nn

from precompute.ablation.ablations import Ablation, each_unit
from precompute.ablation.plain import PlainAblater
from precompute.models.sites import find_site, list_sites


class CalledTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(4, 3)

    def tail(self, x):
        return self.fc(x.mean((2, 3)))

    def forward(self, x):
        return self.tail(self.relu(self.conv(self.relu(self.conv(x)))))


def collect(ablater, inputs, ablations):
    return {int(changed.ablation[0]): changed for changed in ablater.sweep(inputs, ablations)}


def site_of(network, name, inputs):
    return find_site(list_sites(network, inputs), name)


@torch.no_grad()
def test_the_second_call_is_ablated_alone():
    network, inputs = CalledTwice().eval(), torch.randn(5, 4, 6, 6)
    ablater = PlainAblater(network, site_of(network, "relu#2", inputs), batch_size=8)
    hidden = network.conv(network.conv(inputs).relu()).relu()
    for index, changed in collect(ablater, inputs, each_unit([0.5] * 4)).items():
        expected = hidden.clone()
        expected[:, index] = 0.5
        torch.testing.assert_close(changed.logits, network.tail(expected))


@torch.no_grad()
def test_an_in_place_relu_after_the_layer_sees_the_ablated_units():
    network, inputs = CalledTwice().eval(), torch.randn(5, 4, 6, 6)
    ablater = PlainAblater(network, site_of(network, "conv#2", inputs), batch_size=8)
    hidden = network.conv(network.conv(inputs).relu())
    hidden[:, [0, 2]] = torch.tensor([-1.0, 2.0]).view(2, 1, 1)
    changed = collect(ablater, inputs, [Ablation((0, 2), (-1.0, 2.0))])[0]
    torch.testing.assert_close(changed.logits, network.tail(hidden.relu()))


def test_every_image_comes_back_once_in_float32_and_no_hook_stays():
    network, inputs = CalledTwice().eval(), torch.randn(5, 4, 6, 6)
    ablater = PlainAblater(network, site_of(network, "conv", inputs), batch_size=2)
    swept = list(ablater.sweep(inputs, each_unit([0.0] * 4)))
    assert torch.cat([changed.ablation for changed in swept]).tolist() == [unit for unit in range(4) for _ in range(5)]
    assert torch.cat([changed.image for changed in swept]).tolist() == [0, 1, 2, 3, 4] * 4
    assert all(changed.logits.dtype == torch.float32 for changed in swept)
    assert not network.conv._forward_hooks


def test_half_precision_networks_give_float32_outputs():
    network, inputs = CalledTwice().eval(), torch.randn(3, 4, 6, 6)
    site = site_of(network, "conv", inputs)
    exact = collect(PlainAblater(network, site, batch_size=3), inputs, each_unit([0.0] * 4))
    rounded = collect(PlainAblater(network.bfloat16(), site, batch_size=3), inputs, each_unit([0.0] * 4))
    assert rounded[1].logits.dtype == torch.float32
    torch.testing.assert_close(rounded[1].logits, exact[1].logits, atol=0.05, rtol=0.05)
