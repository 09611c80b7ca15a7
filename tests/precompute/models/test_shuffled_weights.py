"""A network with its weights in random order."""

import torch
from torch import nn

from precompute.models.shuffled_weights import with_shuffled_weights


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()


def test_every_tensor_keeps_its_numbers_in_another_order_and_the_network_stays():
    own, before = network(), network().state_dict()
    copy = with_shuffled_weights(own).state_dict()
    for name, values in own.state_dict().items():
        assert torch.equal(values, before[name])
        assert torch.equal(values.flatten().sort().values, copy[name].flatten().sort().values)
    assert not torch.equal(before["0.weight"], copy["0.weight"])
    assert not torch.equal(own(torch.ones(1, 3, 5, 5)), with_shuffled_weights(own)(torch.ones(1, 3, 5, 5)))


def test_the_seed_decides_the_order():
    one, again, other = (with_shuffled_weights(network(), seed=seed)[0].weight for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
