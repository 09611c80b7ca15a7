import copy

import pytest
import torch
from torch import nn

from precompute.errors import ClassError, ModelError
from precompute.models.forward import copy_for, in_float64, input_dtype, logits


def small_network(n_channels=3):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(n_channels, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Dropout(), nn.Linear(64, 5)
    ).eval()


class Returns(nn.Module):
    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer(x)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_networks_of_any_precision_give_float32_logits(dtype):
    inputs = torch.rand(2, 3, 6, 6)
    exact = logits(small_network(), inputs)
    found = logits(small_network().to(dtype), inputs)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, exact, atol=0.02, rtol=0.02)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_the_input_has_the_precision_of_the_first_parameter(dtype):
    assert input_dtype(small_network().to(dtype)) == dtype


def test_a_network_without_parameters_takes_what_it_gets():
    assert input_dtype(nn.ReLU()) == torch.float32
    assert copy_for(nn.ReLU(), torch.ones(1, dtype=torch.float64)).dtype == torch.float64


def test_whole_numbers_do_not_decide_the_precision():
    network = nn.ReLU()
    network.register_buffer("count", torch.tensor(3))
    assert input_dtype(network) == torch.float32


def test_the_images_survive_a_network_that_changes_its_input_in_place():
    inputs = torch.rand(2, 5)
    before = inputs.clone()
    logits(Returns(lambda x: x.sub_(1)), inputs)
    assert torch.equal(inputs, before)


def test_one_channel_input_is_fine():
    assert logits(small_network(1), torch.rand(2, 1, 6, 6)).shape == (2, 5)


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (
            (3, 9, 8),
            r"3 channels and 9×8 pixels: 4 \(Linear\) takes 64 numbers and is given 168 \(mat1 and mat2 .*the size",
        ),
        ((1, 6, 6), r"1 channel and 6×6 pixels: its first convolution, 0, takes 3 channels .Given groups"),
    ],
)
def test_an_input_that_the_network_cannot_take_is_named(size, words):
    with pytest.raises(ModelError, match=words):
        logits(small_network(), torch.rand(2, *size))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: (x, x), "an object of type tuple"),
        (lambda x: {"out": x}, "an object of type dict"),
        (lambda x: x[:, :, None], r"a tensor of shape \(2, 5, 1\)"),
        (lambda x: x.flatten()[None], r"a tensor of shape \(1, 10\)"),
    ],
)
def test_an_output_that_is_not_one_score_for_each_class_is_refused(answer, words):
    with pytest.raises(ModelError, match=words):
        logits(Returns(answer), torch.rand(2, 5))


def test_errors_that_are_sentences_already_pass_unchanged():
    def refuse(_x):
        raise ClassError("twelve folders, ten outputs")

    with pytest.raises(ClassError, match="twelve folders"):
        logits(Returns(refuse), torch.rand(2, 5))


def test_a_full_memory_is_not_blamed_on_the_size_of_the_images():
    def fill(_x):
        raise torch.OutOfMemoryError("full")

    with pytest.raises(torch.OutOfMemoryError):
        logits(Returns(fill), torch.rand(2, 5))


class _Tied(nn.Module):
    """One layer under two names, and one weight in two layers."""

    def __init__(self):
        super().__init__()
        self.one, self.other, self.third = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)
        self.again = nn.Sequential(self.one)
        self.third.weight = self.other.weight

    def forward(self, x):
        return self.third(self.other(self.again(self.one(x.mean((1, 2))))))


def test_what_a_network_holds_twice_is_in_float64_twice_and_stays_as_it_was():
    network, inputs = _Tied().eval(), torch.rand(2, 3, 5, 4)
    held = {name: (id(tensor), tensor.dtype) for name, tensor in network.state_dict(keep_vars=True).items()}
    expected = copy.deepcopy(network).double()(inputs.double())
    found = in_float64(network, inputs)(inputs)
    assert found.dtype == torch.float64
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    assert {name: (id(tensor), tensor.dtype) for name, tensor in network.state_dict(keep_vars=True).items()} == held
