"""Which weights a layer rests on, held to which of them change its output."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from precompute.models.hooks import outputs_at
from precompute.models.shuffled_weights import with_shuffled_weights
from precompute.models.sites import find_site, list_sites
from precompute.models.weights_before import weights_by_place


class Joined(nn.Module):
    """Batch normalisation, a shortcut, attention whose output weights are used without a call, and what comes after."""

    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.second, self.joined = nn.Conv2d(8, 8, 3, padding=1), nn.Identity()
        self.looked = nn.MultiheadAttention(8, 2, batch_first=True)
        self.token = nn.Parameter(torch.randn(8))
        self.last = nn.Linear(8, 4)
        with torch.no_grad():
            self.norm.running_mean.copy_(torch.randn(8))
            self.norm.running_var.copy_(torch.rand(8) + 0.5)

    def forward(self, x):
        x = torch.relu(self.norm(self.first(x)))
        x = self.joined(x + self.second(x)).flatten(2).transpose(1, 2) + self.token
        return self.last(self.looked(x, x, x, need_weights=False)[0].mean(1))


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Joined().eval().requires_grad_(False)


NORM = {f"norm.{part}" for part in ("weight", "bias", "running_mean", "running_var")}
INPUTS = torch.rand(2, 3, 6, 6)


def site_of(network, name):
    return find_site(list_sites(network, INPUTS), name)


@pytest.mark.parametrize("name", ["first", "norm", "joined", "last"])
def test_weights_before_a_layer_are_those_that_change_its_output(network, name):
    site = site_of(network, name)
    found = weights_by_place(network, site, INPUTS)
    expected = outputs_at(network, [site], INPUTS)[site]
    every = [key for key, held in network.state_dict().items() if held.is_floating_point()]
    assert found.before | found.after == set(every)
    for key in every:
        changed = deepcopy(network)
        with torch.no_grad():
            changed.state_dict()[key].add_(torch.rand(changed.state_dict()[key].shape) + 0.1)
        same = torch.allclose(outputs_at(changed, [site], INPUTS)[site], expected, atol=1e-6)
        # A shift of all keys of an attention changes nothing, and a gradient reaches it.
        assert same == (key in found.after) or key.startswith("looked.in_proj_bias")
    assert not any(held.requires_grad for held in network.parameters())


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("first", {"first.weight", "first.bias"}),
        ("norm", {"first.weight", "first.bias", *NORM}),
        ("joined", {"second.weight", "second.bias"}),
    ],
)
def test_a_layers_own_weights_reach_back_to_the_last_kernel(network, name, own):
    assert weights_by_place(network, site_of(network, name), INPUTS).own == own


def test_only_what_is_named_is_shuffled(network):
    site = site_of(network, "joined")
    found = weights_by_place(network, site, INPUTS)
    expected = outputs_at(network, [site], INPUTS)[site]
    after = with_shuffled_weights(network, INPUTS, only=found.after)
    torch.testing.assert_close(outputs_at(after, [site], INPUTS)[site], expected)
    before = with_shuffled_weights(network, INPUTS, only=found.own)
    assert not torch.allclose(outputs_at(before, [site], INPUTS)[site], expected)
    torch.testing.assert_close(before.first.weight, network.first.weight)
