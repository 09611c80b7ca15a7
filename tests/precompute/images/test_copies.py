"""Images that are copies of others are told, and no set is refused for them."""

import os
from collections import defaultdict

import numpy as np
import pytest

from precompute.images.copies import find_copies
from precompute.images.listing import ImageSource

LONG = bytes(range(256)) * 200


@pytest.fixture
def root(tmp_path):
    put(tmp_path / "images", {"cat/1.png": b"one", "cat/2.png": b"two", "dog/1.png": LONG})
    return tmp_path / "images"


def put(root, contents):
    for path, data in contents.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)


def told(root, **asked):
    return ImageSource(root, **asked).find_images().conditions


def test_a_set_without_copies_has_no_condition(root):
    assert told(root) == ()


def test_a_copy_in_another_class_is_told_with_both_paths(root):
    put(root, {"dog/2.png": b"two"})
    (sentence,) = told(root)
    assert sentence.startswith(
        "1 image is a copy, byte for byte, of an image of another class: dog/2.png is cat/2.png."
    )


def test_copies_in_one_class_are_counted(root):
    put(root, {"dog/2.png": LONG, "dog/3.png": LONG})
    (sentence,) = told(root)
    assert sentence.startswith(
        "2 images are copies, byte for byte, of an image of the same class: dog/2.png is dog/1.png"
    )


def test_a_training_image_that_is_a_copy_of_an_image_is_told(root, tmp_path):
    put(tmp_path / "train", {"cat/8.png": b"two", "dog/8.png": b"other", "dog/9.png": b"other"})
    same, across = told(root, train_images=tmp_path / "train")
    assert same.startswith(
        "1 training image is a copy, byte for byte, of an image of the same class: dog/9.png is dog/8"
    )
    assert across.startswith(
        "1 training image is a copy, byte for byte, of an image of the run: cat/8.png is cat/2.png"
    )


def test_a_link_is_no_copy(root):
    os.link(root / "cat/2.png", root / "cat/3.png")
    (sentence,) = told(root)
    assert "by links" in sentence


def test_images_that_a_limit_leaves_out_have_no_copies(root):
    put(root, {"dog/2.png": b"two"})
    assert told(root, limit=2) == ()


def test_files_that_cannot_be_read_and_empty_ones_are_no_copies(tmp_path):
    put(tmp_path, {"a": b"", "b": b""})
    os.mkfifo(tmp_path / "pipe")
    files = [tmp_path / name for name in ("a", "b", "gone", "gone", "pipe", "pipe", "nul\0")]
    assert list(find_copies(files)) == []


@pytest.mark.parametrize("seed", range(5))
def test_copies_are_those_whose_bytes_are_equal(tmp_path, seed):
    """Also where beginning, middle and end are the same, or the size alone."""
    rng = np.random.default_rng(seed)
    files = [tmp_path / str(number) for number in range(60)]
    for file in files:
        data = bytearray(LONG if rng.random() < 0.7 else LONG[:3000])
        data[rng.choice([0, 20, len(data) // 2, -1])] ^= int(rng.integers(0, 3))
        file.write_bytes(data)
    first, expected = defaultdict(list), []
    for place, file in enumerate(files):
        first[file.read_bytes()].append(place)
    for places in first.values():
        expected += [(place, places[0]) for place in places[1:]]
    assert sorted(find_copies(files)) == sorted(expected)
    assert 5 < len(expected) < 59
