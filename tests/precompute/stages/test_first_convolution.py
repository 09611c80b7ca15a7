"""The first convolution's own gradient, held to the library's."""

import pytest
import torch
import torch.nn.functional as F

from precompute.stages.first_convolution import convolve

QUICK = [
    # channels, kernel, stride, padding, dilation
    (3, (3, 3), (1, 1), (1, 1), (1, 1)),
    (3, (7, 5), (2, 3), (3, 0), (1, 1)),
    (1, (3, 3), (2, 2), (1, 1), (2, 1)),
    (4, (11, 11), (4, 4), (2, 2), (1, 1)),
]
OTHERS = [
    # channels, padding, groups
    (5, [1, 1], 1),
    (4, [1, 1], 2),
    (3, "same", 1),
]


def drawn(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def value_and_gradient(operation, images, *args):
    leaf = images.clone().requires_grad_()
    value = operation(leaf, *args)
    (gradient,) = torch.autograd.grad(value, leaf, drawn(*value.shape))
    return value.detach(), gradient


@pytest.mark.parametrize(("channels", "kernel", "stride", "padding", "dilation"), QUICK)
def test_value_and_gradient_are_the_librarys(channels, kernel, stride, padding, dilation):
    weight, bias = drawn(6, channels, *kernel), drawn(6)
    args = (weight, bias, stride, padding, dilation, 1)
    found, expected = (value_and_gradient(by, drawn(3, channels, 21, 26), *args) for by in (convolve, F.conv2d))
    assert torch.equal(found[0], expected[0])
    torch.testing.assert_close(found[1], expected[1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("channels", "padding", "groups"), OTHERS)
def test_other_convolutions_are_the_librarys_own(channels, padding, groups):
    args = (drawn(6, channels // groups, 3, 3), None, [1, 1], padding, [1, 1], groups)
    found, expected = (value_and_gradient(by, drawn(2, channels, 9, 9), *args) for by in (convolve, F.conv2d))
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])


def test_a_network_in_float64_keeps_its_precision():
    args = (drawn(6, 3, 3, 3).double(), None, [1, 1], [1, 1], [1, 1], 1)
    found, expected = (value_and_gradient(by, drawn(2, 3, 9, 9).double(), *args) for by in (convolve, F.conv2d))
    assert torch.equal(found[1], expected[1])
