import precompute.models.torchvision_ops  # noqa: F401

# isort: split
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.models import AlexNet_Weights
from torchvision.transforms import Compose

from precompute.errors import ModelError
from precompute.models.transforms import default_transform, describe


@pytest.fixture
def picture():
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def test_the_default_is_that_of_the_imagenet_networks(picture):
    found = default_transform(nn.Conv2d(3, 4, 3))(picture)
    torch.testing.assert_close(found, AlexNet_Weights.DEFAULT.transforms()(picture))


def test_a_one_channel_network_gets_grey_images(picture):
    found = default_transform(nn.Sequential(nn.Conv2d(1, 4, 3)))(picture)
    assert found.shape == (1, 224, 224)
    frame = np.asarray(picture.resize((341, 256), Image.Resampling.BILINEAR).convert("L"))[16:240, 58:282] / 255
    torch.testing.assert_close(found[0].double(), torch.from_numpy((frame - 0.449) / 0.226), atol=0.02, rtol=0)


def test_a_network_without_convolutions_gets_colours(picture):
    assert default_transform(nn.Linear(2, 2))(picture).shape == (3, 224, 224)


def test_any_other_number_of_channels_is_refused():
    with pytest.raises(ModelError, match="takes 4 channels"):
        default_transform(nn.Conv2d(4, 4, 3))


def test_transforms_are_put_into_words():
    text = "centre crop 224, to 0 ... 1, mean 0.485 0.456 0.406, deviation 0.229 0.224 0.225"
    assert describe(default_transform(nn.Conv2d(3, 1, 1))) == f"resize 256, {text}"
    assert describe(AlexNet_Weights.DEFAULT.transforms()) == f"resize 256 (bilinear), {text}"
    grey = "resize 256, centre crop 224, greyscale, to 0 ... 1, mean 0.449, deviation 0.226"
    assert describe(default_transform(nn.Conv2d(1, 1, 1))) == grey


class Bare:
    def __call__(self, image):
        return image


class Told(Bare):
    def __repr__(self):
        return "Told(\n    size=3\n)"


def test_transforms_of_users_are_put_into_words_that_stay_the_same():
    assert describe(Compose([Told(), Bare(), describe])) == "Told( size=3 ), Bare, function describe"
    assert describe(Bare()) == describe(Bare())
