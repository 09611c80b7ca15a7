"""A network with its weights in random order."""

import threading

import pytest
import torch
from torch import nn

from precompute.errors import ModelError
from precompute.models.shuffled_weights import with_shuffled_weights
from tests import hostile

IMAGES = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))


def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        ).eval()


def test_every_tensor_keeps_its_numbers_in_another_order_and_the_network_stays():
    own, before = network(), network().state_dict()
    copy = with_shuffled_weights(own, IMAGES).state_dict()
    for name, values in own.state_dict().items():
        assert torch.equal(values, before[name])
        assert torch.equal(values.flatten().sort().values, copy[name].flatten().sort().values)
    assert not torch.equal(before["0.weight"], copy["0.weight"])
    assert not torch.equal(own(torch.ones(1, 3, 5, 5)), with_shuffled_weights(own, IMAGES)(torch.ones(1, 3, 5, 5)))


def test_the_seed_decides_the_order():
    one, again, other = (with_shuffled_weights(network(), IMAGES, seed=seed)[0].weight for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


class Locked(hostile.Tiny):
    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Locked, "cannot be copied .*lock"), (hostile.Grabs, "still uses the network that it was made for")],
)
def test_a_network_of_which_a_copy_is_none_of_its_own_is_refused(kind, said):
    with pytest.raises(ModelError, match=said):
        with_shuffled_weights(kind().eval(), IMAGES)


class GrabsByMethod(hostile.GrabsNothing):
    """It keeps conv1's output by a method, which a copy has of its own."""

    def __init__(self):
        super().__init__()
        self.conv1.register_forward_hook(self.keep)

    def keep(self, _module, _inputs, output):
        self.found = output

    def forward(self, x):
        self.conv1(x)
        return self.head(self.found.relu().mean((2, 3)))


def test_a_copy_whose_hooks_are_its_own_is_taken():
    own = GrabsByMethod().eval()
    assert not torch.equal(own(IMAGES), with_shuffled_weights(own, IMAGES)(IMAGES))


class BorrowsInHook(hostile.Tiny):
    """A hook adds a weight of the network that it was made for."""

    def __init__(self):
        super().__init__()
        self.conv1.register_forward_hook(lambda _module, _inputs, output: output + self.conv2.weight.mean())


class BorrowsInForward(hostile.Tiny):
    """The forward function of a layer is a function around that very layer, which reads its numbers by numpy."""

    def __init__(self):
        super().__init__()
        layer = self.conv2
        self.conv2.forward = lambda x: nn.Conv2d.forward(layer, x) * float(layer.weight.detach().numpy().std())


@pytest.mark.parametrize("kind", [BorrowsInHook, BorrowsInForward])
def test_a_copy_that_computes_with_the_weights_of_the_first_network_is_refused(kind):
    own = kind().eval()
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    with pytest.raises(
        ModelError,
        match="weights of the network itself: when those are set to zero, the copy's outputs differ by up to",
    ):
        with_shuffled_weights(own, IMAGES)
    assert all(torch.equal(tensor, before[name]) for name, tensor in own.state_dict().items())


def test_weights_of_the_first_network_that_keep_their_order_may_be_used():
    own = BorrowsInHook().eval()
    copy = with_shuffled_weights(own, IMAGES, only=["conv1.weight"])
    assert torch.equal(copy.conv2.weight, own.conv2.weight)
    assert not torch.equal(copy.conv1.weight, own.conv1.weight)


class Spread(hostile.Tiny):
    """A buffer that is one number in memory for all its places."""

    def __init__(self):
        super().__init__()
        self.register_buffer("scale", torch.tensor([1.0, 2.0, 3.0]).view(3, 1).expand(3, 6))

    def pooled(self, x):
        return super().pooled(x) * self.scale[1]


def test_numbers_that_share_their_place_in_memory_are_shuffled_too():
    own = Spread().eval()
    copy = with_shuffled_weights(own, IMAGES)
    assert not torch.equal(copy.scale, own.scale)
    assert torch.equal(copy.scale.flatten().sort().values, own.scale.flatten().sort().values)
    assert torch.equal(own.scale[:, 0], torch.tensor([1.0, 2.0, 3.0]))
