"""Masks among the images: they are said, by their names and by their pixels."""

import numpy as np
import pytest
from PIL import Image

from precompute.images.folder import list_images
from precompute.images.listing import ImageSource
from precompute.images.masks_beside import mask_conditions

WAY = "A run takes them for images of their class. If they are masks, move them out of the image folder."


def save(root, *paths, mode="RGB"):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        kind = mode if (root / path).suffix != ".jpg" or mode != "P" else "L"
        Image.fromarray(np.zeros((4, 4, 3), np.uint8)).convert(kind).save(root / path)


def said(root):
    return list(mask_conditions(list_images(root)))


@pytest.mark.parametrize(
    ("mask", "image"),
    [
        ("a/x_mask.png", "a/x.png"),
        ("a/x-Masks.png", "a/x.jpg"),
        ("a/benign (1)_mask_1.png", "a/benign (1).png"),
        ("a/x.segmentation.png", "a/x.png"),
        ("a/mask_x.png", "a/x.png"),
        ("a/deep/x_gt.png", "a/deep/x.png"),
        ("a/masks/x.png", "a/images/x.jpg"),
        ("a/lesion_masks/x.png", "a/x.jpg"),
    ],
)
def test_what_is_called_like_the_mask_of_another_is_said(tmp_path, mask, image):
    save(tmp_path, image, mask, "b/y.png")
    expected = f"1 image is called like the mask of another image beside it, such as {mask} of {image}. {WAY}"
    assert said(tmp_path) == [expected]


@pytest.mark.parametrize("mode", ["P", "L", "1"])
def test_a_picture_of_one_channel_with_the_name_of_a_colour_picture_is_said(tmp_path, mode):
    save(tmp_path, "a/x.jpg", "a/y.jpg", "a/z.jpg")
    save(tmp_path, "a/x.png", "a/y.png", mode=mode)
    assert said(tmp_path) == [
        "Of 4 images that have the name of another one, 2 have one channel or a palette where the other has colours, "
        f"such as a/x.png of a/x.jpg. {WAY}"
    ]


def test_others_are_passed_over_in_silence(tmp_path):
    save(tmp_path, "a/gas_mask.png", "a/mask.png", "masks/x.png", "b/x.png", "b/x.jpg", "b/segway.png", "b/seg.png")
    save(tmp_path, "b/grey.png", "b/grey.jpg", mode="L")
    (tmp_path / "b" / "grey.json").write_text("{}")
    assert said(tmp_path) == []


def test_a_part_of_the_images_is_compared_with_all_that_lie_there(tmp_path):
    save(tmp_path, "a/x.png", "a/x_mask.png")
    images = list_images(tmp_path)
    assert len(list(mask_conditions(images.at([1])))) == 1


def test_a_run_says_it_of_training_images_too(tmp_path):
    save(tmp_path / "images", "a/x.png", "b/y.png")
    save(tmp_path / "train", "a/u.png", "a/u_mask.png", "b/v.png")
    found = ImageSource(tmp_path / "images", train_images=tmp_path / "train").find_images()
    assert any("a/u_mask.png of a/u.png" in sentence for sentence in found.conditions)
