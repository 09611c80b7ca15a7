"""What a network raises is told by its module, in our words, with what to do."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from precompute.errors import ModelError
from precompute.models.error_causes import OF_SIZE, unrecorded
from precompute.models.forward import run
from tests.hostile import Forward

CONV = nn.Conv2d(3, 8, 3)
FLAT = nn.Sequential(CONV, nn.Flatten())


def own(function):
    return Forward(CONV, lambda self, x: function(self.layer(x)))


TOLD = {
    "numbers": (nn.Sequential(FLAT, nn.Linear(64, 3)), r"1 \(Linear\) takes 64 numbers and is given 7200 ", "the size"),
    "channels": (nn.Sequential(CONV, nn.Conv2d(9, 8, 3)), r"1 \(Conv2d\) takes 9 channels and is given 8 ", "the size"),
    "norm": (nn.Sequential(CONV, nn.BatchNorm2d(9)), r"1 \(BatchNorm2d\) takes 9 channels and is given 8 ", "the size"),
    "groups": (
        nn.Sequential(CONV, nn.GroupNorm(4, 12)),
        r"1 \(GroupNorm\) takes 12 channels and is given 8 ",
        "the size",
    ),
    "layer norm": (nn.Sequential(CONV, nn.LayerNorm(9)), r"ends? in \(9\) and is given \(4, 8, 30, 30\)", "the size"),
    "dimensions": (
        nn.Sequential(CONV, nn.BatchNorm1d(8)),
        r"takes 2D or 3D tensors and is given one of 4D",
        "the size",
    ),
    "kernel": (nn.Sequential(CONV, nn.Conv2d(8, 8, 40)), r"nothing is left of the maps in 1 \(Conv2d\)", "the size"),
    "pooling": (nn.Sequential(CONV, nn.MaxPool2d(40)), r"nothing is left of the maps in 1 \(MaxPool2d\)", "the size"),
    "a sum": (own(lambda y: y + torch.zeros(14, 14)), r"of which one is 30 long where the other is 14 ", "the size"),
    "joined": (own(lambda y: torch.cat([y, y[..., 1:]], 1)), r"one is 30 long where the other is 29 ", "the size"),
    "a shape": (own(lambda y: y.view(-1, 8 * 14 * 14)), r"gives 28800 numbers the shape \[-1, 1568\]", "the size"),
    "a view": (own(lambda y: y.permute(0, 2, 3, 1).view(4, -1)), r"calls view\(\) on a tensor", r"reshape\(\)"),
    "types": (
        Forward(CONV, lambda self, x: self.layer(x.double())),
        r"numbers of two types meet in layer",
        "type of its",
    ),
    "a device": (
        own(lambda y: y + torch.zeros(1, device="meta")),
        r"uses a device that is not the network's",
        "x.device",
    ),
    "operators of torchvision": (
        own(lambda y: (_ for _ in ()).throw(RuntimeError("Couldn't load custom C++ ops. This can happen if your ..."))),
        r"needs operators that torchvision compiles, and they cannot be loaded here",
        "versions of torch and torchvision that belong together",
    ),
    "an assertion": (
        own(lambda y: (_ for _ in ()).throw(AssertionError("32 is not 224."))),
        r"line \d+ of test_error_causes.py: 32 is not 224\.",
        "If it",
    ),
    "own words": (
        own(lambda y: (_ for _ in ()).throw(RuntimeError("too bright"))),
        "RuntimeError .*: too bright",
        "If it",
    ),
    "a name": (
        own(lambda y: y.nothing),
        r"AttributeError in line \d+ of test_error_causes.py: 'Tensor'",
        "Mend its forward",
    ),
    "long words": (own(lambda y: (_ for _ in ()).throw(ValueError("word " * 100))), r"word \.\.\.", "Mend its forward"),
}


@pytest.mark.parametrize(("network", "says", "way"), TOLD.values(), ids=TOLD)
def test_an_error_is_told_by_its_module_and_with_the_way_on(network, says, way):
    with pytest.raises(ModelError, match=f"^The network cannot take an input of 3 channels .*{says}.*{way}.*\\.$"):
        run(network.eval(), torch.rand(4, 3, 32, 32))


def test_size_is_not_blamed_where_it_cannot_be_the_cause():
    with pytest.raises(ModelError) as error:
        run(own(lambda y: undefined), torch.rand(4, 3, 32, 32))  # noqa: F821
    assert OF_SIZE not in str(error.value)


def test_the_innermost_module_is_named():
    network = nn.Sequential(
        CONV, nn.Sequential(nn.ReLU(), Forward(nn.ReLU(), lambda self, x: F.relu(x) @ torch.ones(3)))
    )
    with pytest.raises(ModelError, match=r"the forward function of 1\.1 \(Forward\)"):
        run(network, torch.rand(4, 3, 32, 32))


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("Could not guard on data-dependent expression Eq(u0, 1)\nand more", "depends on the values in the images"),
        ("Constraints violated (L['images'].size()[0])!\n", "depends on the number of images"),
        (".numpy() is not supported for tensor subclasses", "lies outside of torch"),
        ("aten.fake_quantize_per_tensor_affine_cachemask.default", "torch cannot record its operations"),
    ],
)
def test_why_a_network_cannot_be_recorded_is_told_before_torchs_first_line(said, means):
    told = unrecorded(RuntimeError(said))
    assert means in told
    assert told.endswith(f"(torch.export: {said.splitlines()[0]})")
