import pytest
import torch
from torch import nn

from precompute.models.calls import watched_calls


def test_calls_are_counted_for_each_module_by_itself():
    relu = nn.ReLU()
    network = nn.Sequential(relu, nn.Identity(), relu)
    seen = []
    with watched_calls(network, ["0", "1"], lambda path, call, _output: seen.append((path, call))):
        network(torch.ones(1, 2))
        network(torch.ones(1, 2))
    assert seen == [("0", 1), ("1", 1), ("0", 2)] * 2


def test_starts_come_before_the_calls_of_what_is_inside():
    network = nn.Sequential(nn.Sequential(nn.ReLU()))
    seen = []
    with watched_calls(
        network,
        ["", "0", "0.0"],
        lambda path, *_: seen.append(f"end {path}"),
        on_start=lambda path, _: seen.append(path),
    ):
        network(torch.ones(1, 2))
    assert seen == ["", "0", "0.0", "end 0.0", "end 0", "end "]


def test_a_pass_that_raised_does_not_shift_the_counting():
    relu = nn.ReLU()
    network = nn.Sequential(relu, nn.Linear(2, 2), relu)
    seen = []
    with watched_calls(network, ["0"], lambda _path, call, _output: seen.append(call)):
        with pytest.raises(RuntimeError):
            network(torch.ones(1, 3))
        network(torch.ones(1, 2))
    assert seen == [1, 1, 2]
