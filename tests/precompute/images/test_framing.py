"""Where the input lies on the picture, held to putting pictures through the transform."""

import numpy as np
import pytest
import torch
from PIL import Image

import precompute.models.torchvision_ops  # noqa: F401

# isort: split
from torchvision.transforms import CenterCrop, Compose, Grayscale, Normalize, Pad, Resize, ToTensor
from torchvision.transforms.functional import adjust_gamma, hflip

from precompute.errors import ModelError
from precompute.images.concepts import NONE
from precompute.images.framing import MAX_SIDE, Framing

USUAL = Compose([Resize(64), CenterCrop(56), ToTensor(), Normalize([0.4, 0.5, 0.6], [0.2, 0.3, 0.1])])
SIZES = [(56, 56), (100, 75), (75, 100), (300, 200), (30, 24)]


@pytest.mark.parametrize("size", SIZES)
def test_places_are_those_of_resizing_and_cropping(size):
    width, height = size
    frame = Framing(USUAL, (56, 56)).of(size)
    wide, tall = (int(64 * side / min(size)) for side in size)
    for found, whole, side in ((frame.across, wide, width), (frame.down, tall, height)):
        expected = (np.arange(56) + 0.5 + round((whole - 56) / 2)) / whole
        np.testing.assert_allclose(found * side, expected * side, atol=0.3)


@pytest.mark.parametrize("size", SIZES)
def test_a_mask_comes_to_lie_where_the_picture_does(size):
    width, height = size
    x, y = np.meshgrid(np.arange(width) / width, np.arange(height) / height)
    mask = ((x - 0.45) ** 2 + (y - 0.6) ** 2 < 0.09).astype(np.int32)
    seen = USUAL(Image.fromarray((255 * mask).astype(np.uint8)).convert("RGB"))[0]
    found = Framing(USUAL, (56, 56)).of(size).sample(mask)
    there = seen > (seen.max() + seen.min()) / 2
    assert (found == there.numpy()).mean() > 0.985


def test_a_picture_that_is_not_resized_keeps_its_mask_to_the_pixel():
    mask = np.arange(96 * 90).reshape(90, 96)
    np.testing.assert_array_equal(Framing(ToTensor(), (90, 96)).of((96, 90)).sample(mask), mask)


def test_a_mask_of_half_the_size_is_read_at_the_same_places():
    mask = np.arange(24).reshape(4, 6)
    found = Framing(ToTensor(), (8, 12)).of((12, 8)).sample(mask)
    np.testing.assert_array_equal(found, mask.repeat(2, axis=0).repeat(2, axis=1))


def test_padding_shows_no_concept():
    found = Framing(Compose([Pad(4), ToTensor()]), (16, 16)).of((8, 8)).sample(np.arange(64).reshape(8, 8))
    np.testing.assert_array_equal(found[4:12, 4:12], np.arange(64).reshape(8, 8))
    assert (found == NONE).sum() == 16 * 16 - 64


def test_a_mirrored_picture_has_a_mirrored_mask():
    found = Framing(Compose([hflip, ToTensor()]), (8, 8)).of((8, 8)).sample(np.arange(64).reshape(8, 8))
    np.testing.assert_array_equal(found, np.arange(64).reshape(8, 8)[:, ::-1])


def test_one_channel_is_enough():
    transform = Compose([Grayscale(), ToTensor()])
    np.testing.assert_array_equal(Framing(transform, (8, 8)).of((8, 8)).sample(np.eye(8)), np.eye(8))


def test_the_grid_is_bounded_and_keeps_the_shape_of_the_input():
    transform = Compose([Resize((224, 448)), ToTensor()])
    framing = Framing(transform, (224, 448))
    assert framing.grid == (MAX_SIDE // 2, MAX_SIDE)
    assert framing.of((50, 40)).sample(np.zeros((40, 50))).shape == framing.grid


@pytest.mark.parametrize(
    "change", [lambda picture: picture.rotate(30), lambda picture: adjust_gamma(picture, 3), torch.zeros_like]
)
def test_what_does_more_than_resize_and_crop_is_refused(change):
    steps = [ToTensor(), change] if change is torch.zeros_like else [change, ToTensor()]
    with pytest.raises(ModelError, match="does more than resize, crop, pad or mirror"):
        Framing(Compose(steps), (64, 64)).of((64, 64))
