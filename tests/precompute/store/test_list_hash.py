"""The list hash against its definition."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from precompute.store.list_hash import list_hash

names = st.lists(st.tuples(st.text("ab/ é😀", min_size=1), st.text("xyz", min_size=1)), max_size=6)


@given(names)
def test_it_is_sha_256_of_the_sorted_lines(images):
    text = "".join(sorted(f"{path}\t{folder}\n" for path, folder in images))
    paths, folders = [path for path, _ in images], [folder for _, folder in images]
    assert list_hash(paths, folders) == hashlib.sha256(text.encode("utf-8")).hexdigest()


@given(names, st.randoms(use_true_random=False))
def test_the_order_of_the_images_does_not_matter(images, random):
    moved = random.sample(images, len(images))
    assert list_hash(*zip(*images, strict=True)) == list_hash(*zip(*moved, strict=True)) if images else True


def test_a_path_under_another_class_is_another_list():
    assert list_hash(["a/1.png"], ["a"]) != list_hash(["a/1.png"], ["b"])


def test_every_path_needs_its_class():
    with pytest.raises(ValueError, match="zip"):
        list_hash(["a/1.png", "a/2.png"], ["a"])


def test_code_point_order_is_that_of_the_bytes():
    # Orders by UTF-16 units would put the second of these first.
    paths = ["\uffee.png", "\U0001f600.png"]
    text = "".join(f"{path}\tc\n" for path in paths)
    assert list_hash(paths[::-1], ["c", "c"]) == hashlib.sha256(text.encode()).hexdigest()
