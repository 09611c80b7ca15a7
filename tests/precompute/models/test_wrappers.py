import pytest
import torch
from torch import nn

from precompute.models.wrappers import peeled, unwrapped

# What torch.compile imports is not of our making.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")


def test_wrappers_around_the_whole_are_taken_off():
    network = nn.Linear(2, 2)
    assert peeled(nn.DataParallel(nn.DataParallel(network))) is network
    assert peeled(torch.compile(network)) is network
    assert peeled(network) is network


def test_wrappers_around_parts_are_taken_off_too():
    conv, relu = nn.Conv2d(3, 4, 3), nn.ReLU()
    shared = nn.DataParallel(nn.Sequential(conv, relu))
    network = unwrapped(nn.DataParallel(nn.Sequential(shared, nn.Sequential(torch.compile(nn.Flatten())), shared)))
    assert [path for path, _ in network.named_modules(remove_duplicate=False)] == [
        *("", "0", "0.0", "0.1", "1", "1.0", "2", "2.0", "2.1")
    ]
    assert network[0][0] is conv
    assert network[0] is network[2]


def test_a_network_with_a_child_called_module_is_left_alone():
    class Wrapped(nn.Module):
        def __init__(self):
            super().__init__()
            self.module = nn.Linear(2, 2)

    network = Wrapped()
    assert unwrapped(network) is network
    assert isinstance(network.module, nn.Linear)
