"""The made-up device is as strict as a GPU, and right."""

import pytest
import torch

from tests.second_device import NAME, crossings, second_device


@pytest.fixture
def second():
    with second_device() as device:
        yield device


def test_tensors_of_two_devices_do_not_mix(second):
    here, there = torch.ones(3), torch.ones(3, device=second)
    for mixed in (
        lambda: here + there,
        lambda: there.add_(here),
        lambda: torch.cat([here, there]),
        lambda: here[there],
    ):
        with pytest.raises(RuntimeError, match=NAME):
            mixed()
    with pytest.raises(RuntimeError, match=NAME):
        here[torch.zeros(2, dtype=torch.int64, device=second)]


def test_there_is_no_float64(second):
    with pytest.raises(TypeError, match="float64"):
        torch.ones(3, device=second).double()


def test_single_numbers_and_indices_may_lie_on_the_cpu(second):
    there = torch.arange(3.0, device=second)
    assert (there + torch.tensor(2.0)).cpu().tolist() == [2, 3, 4]
    assert there[torch.tensor([2, 0])].cpu().tolist() == [2, 0]
    there[torch.tensor([1])] = 9.0
    assert there.cpu().tolist() == [0, 9, 2]


@pytest.mark.parametrize("inference", [False, True])
def test_what_is_made_of_tensors_lies_where_they_lie(second, inference):
    with torch.inference_mode(inference):
        made = [torch.tensor([1.0, 2.0], device=second), torch.zeros(2).to(second), torch.empty(2, device=NAME)]
        assert {(tensor + 1).device for tensor in made} == {torch.device(NAME, 0)}
        assert made[0].cpu().device.type == made[0].to("cpu").device.type == "cpu"


def test_views_show_the_same_memory(second):
    whole = torch.zeros(2, 3, device=second)
    whole.T[1].add_(5)
    assert whole.cpu().tolist() == [[0, 5, 0], [0, 5, 0]]


def test_gradients_are_those_of_the_cpu(second):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 2))
    images = torch.randn(2, 3, 4, 4, requires_grad=True)
    (expected,) = torch.autograd.grad(network(images).sum(), images)
    elsewhere = images.detach().to(second).requires_grad_()
    (found,) = torch.autograd.grad(network.to(second)(elsewhere).sum(), elsewhere)
    assert torch.equal(found.cpu(), expected)


@pytest.mark.parametrize("inference", [False, True])
def test_what_goes_from_one_device_to_the_other_is_counted(second, inference):
    with torch.inference_mode(inference):
        there = torch.zeros(3).to(second)
        moves = [
            lambda: torch.ones(3).to(second),
            lambda: there.cpu(),
            lambda: torch.tensor([1.0], device=second),
            lambda: there.nonzero(),
            lambda: there.sum().item(),
            lambda: there.copy_(torch.ones(3)),
        ]
        for move in moves:
            before = crossings()
            move()
            assert crossings() == before + 1
        before = crossings()
        (there + 1).view(3, 1).to(second).expand(3, 3).contiguous()
        torch.zeros(3, device=second)
        assert crossings() == before
