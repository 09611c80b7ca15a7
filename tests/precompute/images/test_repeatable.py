import numpy as np
import pytest
import torch
from PIL import Image

import precompute.models.torchvision_ops  # noqa: F401  before any torchvision
from precompute.errors import ModelError
from precompute.images.folder import list_images
from precompute.images.loader import OwnLoader
from precompute.images.repeatable import refuse_random

# isort: split
from dataclasses import replace

from torchvision.transforms import ColorJitter, Compose, RandomHorizontalFlip, Resize, ToTensor


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "set/a").mkdir(parents=True)
    for number in range(8):
        pixels = rng.integers(0, 256, (12, 10, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"set/a/{number}.png")
    return list_images(tmp_path / "set")


@pytest.mark.parametrize(
    ("steps", "culprit"),
    [
        ([RandomHorizontalFlip(), ToTensor()], "by RandomHorizontalFlip of the transform"),
        ([Resize(8), ColorJitter(0.5), ToTensor()], "by ColorJitter of the transform"),
        ([ToTensor(), lambda inputs: inputs + torch.rand(1)], "by function of the transform"),
    ],
)
def test_a_random_transform_is_refused_and_its_step_named(images, steps, culprit):
    with pytest.raises(ModelError, match=rf"a/\d\.png: loaded and transformed twice, .* \({culprit}\)"):
        refuse_random(images, Compose(steps), range(8))


def test_one_image_is_enough_to_see_a_flip(images):
    with pytest.raises(ModelError, match="two different inputs"):
        refuse_random(images, Compose([RandomHorizontalFlip(), ToTensor()]), [3])


def test_a_random_transform_that_is_no_chain_is_refused(images):
    with pytest.raises(ModelError, match=r"\(by the transform\)"):
        refuse_random(images, lambda picture: torch.rand(3, 2, 2), [0, 1])


def test_a_random_loader_is_refused(images):
    own = replace(images, load=OwnLoader(lambda path: np.random.default_rng().random((1, 4, 4))))
    with pytest.raises(ModelError, match="by the loader"):
        refuse_random(own, torch.from_numpy, [0])


def test_a_loader_that_fails_the_second_time_is_refused(images):
    left = [1]

    def load(path):
        left.pop()
        return np.zeros((1, 4, 4))

    own = replace(images, load=OwnLoader(load))
    with pytest.raises(ModelError, match="could be loaded at first, and cannot be loaded now"):
        refuse_random(own, torch.from_numpy, [0])


def test_what_is_fixed_is_taken_also_where_it_gives_no_numbers(images):
    def broken(picture):
        return torch.full((3, 4, 4), torch.nan)

    refuse_random(images, Compose([Resize(8), ToTensor()]), range(8))
    refuse_random(images, broken, range(8))
